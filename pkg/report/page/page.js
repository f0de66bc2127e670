// What the page shows, and how it stays true. Two loops run for as long as it is open:
// stayFresh reads the findings and the inventory from time to time, follow the live stream.

// refreshEvery is in seconds. Whoever asks for everything too often costs the API server
// an answer for each resource; what is known to have changed is read sooner.
const refreshEvery = 60;
const refreshSoon = 10;

// history is how far back the events begin, in milliseconds.
const history = 15 * 60 * 1000;

// freshness is the sleep of the one loop, reconnection that of the other.
const freshness = new Alarm();
const reconnection = new Alarm();

// shown is what the tables are made of.
const shown = { findings: null, resources: null };

const filterText = () => byId("filter").value.trim().toLowerCase();

// say changes nothing where it would say the same: that would be read out again.
function say(id, text) {
  if (byId(id).textContent !== plain(text)) byId(id).textContent = plain(text);
}

// fill replaces the bodies of a table.
function fill(id, ...bodies) {
  for (const body of Array.from(byId(id).tBodies)) body.remove();
  byId(id).append(...bodies);
}

function showFindings() {
  const { items, notEvaluated } = shown.findings ?? { items: [], notEvaluated: [] };
  const wanted = severities.slice(0, severities.indexOf(byId("severity").value) + 1);
  const group = (severity) => items.filter((item) => item.severity === severity);
  fill("findings-table", ...wanted.map((severity) => bodyOf(group(severity), findingRows, filterText(), severityTitle(severity))));
  byId("unevaluated").hidden = notEvaluated.length === 0;
  say("unevaluated-summary", `${notEvaluated.length.toLocaleString()} not evaluated`);
  fill("unevaluated-table", bodyOf(notEvaluated, unevaluatedRows, filterText()));
}

function showResources() {
  fill("resources-table", bodyOf(shown.resources?.items ?? [], resourceRows, filterText()));
}

// load reads one part, and returns when to do it again. What cannot be read is said, and
// what was known stays, with its age.
async function load(part, words, show) {
  try {
    const answer = await read(paths[part]);
    // A table that is built anew loses what the reader has selected in it.
    const same = JSON.stringify(answer) === JSON.stringify(shown[part]);
    shown[part] = answer;
    if (!same) show();
    say(`${part}-state`, `${words(answer)}.`);
    say(`${part}-time`, `As of ${timeText(new Date())}.`);
    return refreshEvery;
  } catch (refusal) {
    say(`${part}-state`, refusalText(refusal));
    return Math.min(refusal.wait ?? refreshEvery, refreshEvery);
  }
}

async function stayFresh() {
  for (;;) {
    const waits = document.hidden
      ? [refreshEvery]
      : await Promise.all([load("findings", findingsText, showFindings), load("resources", resourcesText, showResources)]);
    await freshness.sleep(Math.min(...waits));
  }
}

// held are the rows that wait to be shown, the oldest first: while the page is paused,
// and otherwise so that a burst is drawn at once.
const held = [];
let paused = false;
let drawing = 0;

// wordsOf is by what a row is found, in the tables of events. A note has none, and always is.
const wordsOf = new WeakMap();

function narrow(rows) {
  for (const row of rows) row.hidden = wordsOf.has(row) && !has(wordsOf.get(row), filterText());
}

function receive(row) {
  held.push(row);
  if (held.length > maxEvents) held.shift();
  drawing ||= setTimeout(draw, 250);
}

function draw() {
  drawing = 0;
  if (paused) {
    say("held", held.length < maxEvents ? `${count(held.length, "event")} held back` : `the newest ${maxEvents} events held back`);
    return;
  }
  say("held", "");
  narrow(held);
  const [body] = byId("events-table").tBodies;
  body.prepend(...held.splice(0).reverse());
  while (body.rows.length > maxEvents) body.lastElementChild.remove();
}

function togglePause() {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  draw();
}

function note(text) {
  receive(noteRow(text));
}

// take shows an event, and has read anew what it may have changed.
function take(event) {
  const row = eventRows.row(event);
  wordsOf.set(row, eventRows.words(event));
  receive(row);
  if (event.finding || event.resource.resource === "customresourcedefinitions") freshness.within(refreshSoon);
}

// position is where the stream stands: a cursor, or the number of the last event.
let position = "";

// listen follows the stream until the browser, which resumes it by itself, gives up, or
// until the server says that it ends it. It returns how long to wait.
function listen(path) {
  return new Promise((resolve) => {
    const source = new EventSource(path);
    const end = (wait) => {
      source.close();
      resolve(wait);
    };
    source.onopen = () => say("stream-state", "Live.");
    source.onmessage = ({ data, lastEventId }) => {
      position = lastEventId;
      take(parse(data));
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) end(retrySoon);
      else say("stream-state", "The connection is lost. The browser tries again, and goes on where it stood.");
    };
    for (const [name, tell] of Object.entries(signals)) {
      source.addEventListener(name, ({ data, lastEventId }) => {
        const wait = tell(parse(data), lastEventId);
        if (wait) end(wait);
      });
    }
  });
}

// signals are what the server says of the stream itself. Where it is over for this page,
// they return how long to wait; after overflow the browser goes on by itself, with the id
// that it was given.
const signals = {
  damaged: ({ seq }, id) => {
    position = id;
    note(`Event ${seq} cannot be read: what is kept of it is damaged.`);
  },
  overflow: (at, id) => {
    position = id;
    note("This page was too slow: events are missing here that are no longer kept. It goes on with the oldest that is.");
  },
  shutdown: ({ cursor }) => {
    position = cursor;
    say("stream-state", "The server ends. This page goes on where it stood when one is there again.");
    return retrySoon;
  },
  denied: (status) => {
    say("stream-state", `The server has ended the stream. ${refusalText(status)}`);
    return retryDenied;
  },
};

// refused says why there is no stream, and returns how long to wait. Where what was to
// follow is no longer kept, the server says what is.
function refused(refusal) {
  say("stream-state", refusalText(refusal));
  if (refusal.code !== 410 || !refusal.cursor) return refusal.wait ?? retryAfter;
  position = refusal.cursor;
  note("Events are missing here: what followed the last one is no longer kept, or was another server's. This page goes on with the oldest that is kept.");
  return retrySoon;
}

// follow begins the stream again whenever it has ended, where it stood; at first some
// minutes ago.
async function follow() {
  let since = "";
  for (;;) {
    let wait;
    try {
      const resume = position && `&cursor=${encodeURIComponent(position)}`;
      const now = await probe(paths.stream + resume);
      // Once and for all: told anew, it would leave out what happened while this page
      // was cut off.
      since ||= `&since=${encodeURIComponent(new Date(now - history).toISOString())}`;
      wait = await listen(paths.stream + (resume || since));
    } catch (refusal) {
      wait = refused(refusal);
    }
    await reconnection.sleep(wait);
  }
}

function narrowAll() {
  showFindings();
  showResources();
  narrow(byId("events-table").tBodies[0].rows);
}

// hurry is for a reader who asks, or comes back to this page.
function hurry() {
  freshness.within(0);
  reconnection.within(0);
}

byId("filter").addEventListener("input", narrowAll);
byId("severity").addEventListener("change", showFindings);
byId("refresh").addEventListener("click", hurry);
byId("pause").addEventListener("click", togglePause);
document.addEventListener("visibilitychange", () => document.hidden || hurry());
stayFresh();
follow();
