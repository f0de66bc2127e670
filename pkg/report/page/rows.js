// How what the API says becomes rows of the tables. Text enters the document as text:
// nothing is ever read as HTML, and the page's policy has the browser see to that.

// What is shown at the most: rows in each part of a table, events, and fields of one. A
// browser is of no use with 100,000 rows.
const maxRows = 1000;
const maxEvents = 200;
const maxChanges = 20;

const byId = (id) => document.getElementById(id);

// element makes one. A child is another, or text, which is made plain.
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.map((child) => (child instanceof Node ? child : plain(child))));
  return made;
}

const cell = (...children) => element("td", {}, ...children);
const long = (...children) => element("td", { class: "long" }, ...children);
const rowHeader = (...children) => element("th", { scope: "row" }, ...children);
const code = (text) => element("code", {}, text);
const quiet = (text) => element("div", { class: "quiet" }, text);

// time shows a time where the reader is, and keeps the exact one.
function time(text) {
  const at = moment(text);
  return at ? element("time", { datetime: at.toISOString(), title: at.toISOString() }, timeText(at)) : "";
}

function stateClass(state) {
  if (state === "Synced") return "good";
  return state === "Pending" || state === "Syncing" ? "quiet" : "trouble";
}

// A kind of row is made by row from an item, and found by its words.
const resourceRows = {
  columns: 8,
  words: (item) => [item.name, item.kind, item.state],
  row: (item) =>
    element(
      "tr",
      {},
      rowHeader(item.name),
      cell(item.version),
      cell(item.kind),
      cell(item.scope),
      element("td", { class: "number" }, item.objects.toLocaleString()),
      element("td", { class: stateClass(item.state) }, item.state),
      cell(time(item.since)),
      long([item.reason, item.message].filter(Boolean).join(": ")),
    ),
};

const findingRows = {
  columns: 5,
  words: (item) => [item.rule, item.name, resourceText(item.subject), objectText(item.subject)],
  row: (item) =>
    element(
      "tr",
      {},
      rowHeader(item.rule, quiet(item.name)),
      long(resourceText(item.subject), quiet(objectText(item.subject)), code(item.path)),
      long(item.message),
      long(item.remediation),
      cell(time(item.since)),
    ),
};

const unevaluatedRows = {
  columns: 4,
  words: (item) => [item.resource, item.rule ?? ""],
  row: (item) => element("tr", {}, rowHeader(item.resource), cell(item.rule ?? "all"), cell(item.reason), long(item.message)),
};

const eventRows = {
  words: (event) => [event.type, resourceText(event.resource), objectText(event), ...(event.managers ?? []), event.finding?.rule ?? ""],
  row: (event) => {
    const type = event.origin === "live" ? [event.type] : [event.type, quiet(event.origin)];
    return element("tr", {}, cell(time(event.time)), cell(...type), rowHeader(resourceText(event.resource), quiet(objectText(event))), long(...story(event)));
  },
};

// has tells whether a text, in lower case, is in some words.
const has = (words, text) => words.join(" ").toLowerCase().includes(text);

// bodyOf is the part of a table with the items in which a text is found, but not with too
// many. The title is made of how many there are.
function bodyOf(items, kind, text, title = () => []) {
  const found = items.filter((item) => has(kind.words(item), text));
  const rows = found.slice(0, maxRows).map(kind.row);
  if (found.length > maxRows) rows.push(moreRow(found.length - maxRows, kind.columns));
  return element("tbody", {}, ...title(found.length), ...rows);
}

// moreRow says that there is more than is shown.
function moreRow(left, columns) {
  return element("tr", {}, element("td", { colspan: columns, class: "quiet" }, `and ${left.toLocaleString()} more: narrow them down above, or ask the API`));
}

// severityTitle heads the findings of one severity, if there are any.
function severityTitle(severity) {
  const title = (n) => element("th", { scope: "rowgroup", colspan: findingRows.columns, class: severity }, `${severity}: ${count(n, "finding")}`);
  return (n) => (n > 0 ? [element("tr", {}, title(n))] : []);
}

// story is what an event tells.
function story(event) {
  if (event.gap) return [element("span", { class: "trouble" }, gapText(event.gap))];
  return event.finding ? findingStory(event.finding) : changeStory(event);
}

function findingStory(finding) {
  const { state, rule, name } = finding;
  const severity = finding.oldSeverity ? `${finding.oldSeverity} → ${finding.severity}` : finding.severity;
  const title = element("div", { class: state === "resolved" ? "good" : finding.severity }, `${state}: ${severity} ${rule} ${name}`);
  return state === "resolved" ? [title, finding.message] : [title, finding.message, quiet(finding.remediation)];
}

function changeStory({ changes = [], managers = [], generation, oldGeneration, metadataOnly }) {
  const by = managers.length > 0 ? `by ${managers.join(", ")}` : "";
  const step = oldGeneration && oldGeneration !== generation ? `generation ${oldGeneration} → ${generation}` : "";
  const about = [by, step, metadataOnly ? "metadata only" : ""].filter(Boolean).join("; ");
  return [...(changes.length > 0 ? [changeList(changes)] : []), ...(about ? [quiet(about)] : [])];
}

function changeList(changes) {
  const lines = changes.slice(0, maxChanges).map((change) => element("li", {}, code(changeText(change))));
  if (changes.length > maxChanges) lines.push(element("li", { class: "quiet" }, `and ${changes.length - maxChanges} more`));
  return element("ul", {}, ...lines);
}

// noteRow is what the stream says of itself.
function noteRow(text) {
  return element("tr", {}, cell(time(new Date())), cell("NOTE"), rowHeader("the stream"), element("td", { class: "trouble" }, text));
}
