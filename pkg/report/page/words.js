// How what the API says is put for people. Nothing here touches the document.

const severities = ["critical", "high", "medium", "low", "info"];

// longest is how much is shown of one value, in characters; the API has all of it.
const longest = 160;

// plain makes text from the cluster safe to read: whatever could hide, break a line, or
// reverse the direction of what is around it, is shown as an escape.
function plain(text) {
  return String(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
}

// shorten cuts between characters, never inside of one, which may be two units long. It
// looks at no more than it has to: a value may be a megabyte.
function shorten(text) {
  if (text.length <= longest) return text;
  const begin = Array.from(text.slice(0, 2 * longest)).slice(0, longest).join("");
  return begin.length < text.length ? `${begin}…` : text;
}

// parse reads JSON. Integers that a number of JavaScript would round keep their digits
// where the browser can do that: an audit must not show a value that nobody wrote.
function parse(text) {
  return JSON.parse(text, (key, value, context) => {
    const rounded = Number.isInteger(value) && !Number.isSafeInteger(value);
    return rounded && context && JSON.rawJSON ? JSON.rawJSON(context.source) : value;
  });
}

// valueText shows a value of a change. One that is absent where there must be one is null.
function valueText(value) {
  return shorten(JSON.stringify(value ?? null));
}

// changeText is one field: + for what was added, - for what was removed, ~ for the rest.
function changeText(change) {
  const { path, op } = change;
  if (op === "add") return `+ ${path}  ${valueText(change.new)}`;
  if (op === "remove") return `- ${path}  ${valueText(change.old)}`;
  return `~ ${path}  ${valueText(change.old)} → ${valueText(change.new)}`;
}

// resourceText is plural.group. A finding may concern no resource.
function resourceText(ref) {
  return ref.resource ? `${ref.resource}.${ref.group}` : "";
}

// objectText is namespace/name, or what of it there is.
function objectText({ namespace, name }) {
  return [namespace, name].filter(Boolean).join("/");
}

// moment is a Date, and null for the zero time of the server, which says nothing.
function moment(text) {
  const at = new Date(text ?? NaN);
  return Number.isNaN(at.getTime()) || at.getUTCFullYear() < 2 ? null : at;
}

function timeText(at) {
  return at.toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" });
}

function count(n, one) {
  return `${n.toLocaleString()} ${n === 1 ? one : `${one}s`}`;
}

// gapText explains a GAP to someone who has never heard of one.
function gapText(gap) {
  const [since, until] = [moment(gap.since), moment(gap.until)];
  const when = since && until ? `From ${timeText(since)} to ${timeText(until)}` : "For a while";
  return (
    `Changes are missing here. ${when} crdwatch was not watching, and the API server no longer has ` +
    `what happened. Differences that remained are shown as events marked reconciled. ${missedText(gap.missedGenerations)}`
  );
}

// missedText speaks of what even the reconciled events do not show.
function missedText(n) {
  if (n === 0) return "No revision of a spec is missing from the objects that still exist.";
  return n === 1 ? "1 revision of a spec is shown by no event." : `${n.toLocaleString()} revisions of specs are shown by no event.`;
}

// refusals say what a status code of the server means to whoever looks at this page.
const refusals = {
  0: "The server does not answer.",
  401: "The server does not know who you are.",
  403: "You may not read this.",
  404: "The server does not have this. Findings are there only where it audits.",
  410: "What was to follow is no longer kept.",
  429: "Too many pages like this one are open.",
  503: "The server cannot answer at the moment.",
};

// refusalText is what went wrong, with the server's own words. An error without a code is
// none of the server's.
function refusalText({ code, message }) {
  if (code === undefined) return `This page failed: ${message}.`;
  const meaning = refusals[code] ?? `The server answers with an error (${code}).`;
  return message ? `${meaning} It says: ${message}` : meaning;
}

// resourcesText sums up an inventory, with every state that is not as it should be.
function resourcesText({ items }) {
  const objects = items.reduce((sum, item) => sum + item.objects, 0);
  return [`${count(items.length, "resource")}, ${count(objects, "object")}`, ...tally(items.map((item) => item.state).filter((s) => s !== "Synced"))].join("; ");
}

// findingsText sums up an audit, of which the API has the gravest first. What was not evaluated is not clean, and is never left out.
function findingsText({ items, suppressed, notEvaluated }) {
  const found = tally(items.map((item) => item.severity));
  const rest = notEvaluated.length > 0 ? `incomplete: ${notEvaluated.length.toLocaleString()} not evaluated` : "everything was evaluated";
  return [`${count(items.length, "finding")}${found.length > 0 ? ": " : ""}${found.join(", ")}`, `${suppressed.toLocaleString()} suppressed`, rest].join("; ");
}

// tally counts equal words, in the order in which they come: "3 Broken".
function tally(words) {
  const counts = new Map();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return Array.from(counts, ([word, n]) => `${n.toLocaleString()} ${word}`);
}
