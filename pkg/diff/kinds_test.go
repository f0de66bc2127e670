package diff

// kindsSchema has every kind of field that is compared in a way of its own.
const kindsSchema = `{"type":"object","properties":{
  "spec":{"type":"object","properties":{
    "name":{"type":"string"},
    "replicas":{"type":"integer"},
    "ratio":{"type":"number"},
    "enabled":{"type":"boolean"},
    "mode":{"type":"string","nullable":true},
    "port":{"x-kubernetes-int-or-string":true},
    "nested":{"type":"object","nullable":true,"properties":{
      "a":{"type":"string"},"b":{"type":"object","properties":{"c":{"type":"string"}}}}},
    "params":{"type":"object","additionalProperties":{"type":"string"}},
    "selector":{"type":"object","x-kubernetes-map-type":"atomic","additionalProperties":{"type":"string"}},
    "items":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"port":{"type":"integer"}}}},
    "set":{"type":"array","nullable":true,"x-kubernetes-list-type":"set","items":{"type":"string"}},
    "numbers":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"integer"}},
    "mixed":{"type":"array","x-kubernetes-list-type":"set","items":{"x-kubernetes-int-or-string":true}},
    "ports":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["port","protocol"],
      "items":{"type":"object","required":["port"],"properties":{
        "port":{"type":"integer"},"protocol":{"type":"string","default":"TCP"},
        "name":{"type":"string"},"tags":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}}}}},
    "free":{"type":"object","x-kubernetes-preserve-unknown-fields":true},
    "template":{"type":"object","x-kubernetes-embedded-resource":true,"x-kubernetes-preserve-unknown-fields":true}}},
  "status":{"type":"object","properties":{
    "observedGeneration":{"type":"integer"},
    "conditions":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["type"],
      "items":{"type":"object","required":["type"],"properties":{
        "type":{"type":"string"},"status":{"type":"string"},"reason":{"type":"string"}}}}}}}}`
