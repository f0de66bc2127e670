// Asking the server. Paths are relative: the page also works behind a proxy that puts
// something before them.

const paths = {
  resources: "api/v1/resources",
  findings: "api/v1/findings",
  stream: "api/v1/events?watch=true",
};

// In seconds: how long an answer may take; and when to ask again after a refusal that does
// not say when, after no answer, after a stream that ended in order, and after one that was
// denied, which will be denied again as soon as there is something to send.
const patience = 30;
const retryAfter = 60;
const retrySilence = 5;
const retrySoon = 1;
const retryDenied = 10;

// Refusal is why there is no answer: a Status of the server, or no word of it (code 0).
// Where the server says where to go on instead, cursor has it.
class Refusal extends Error {
  constructor(code, message, wait, cursor = "") {
    super(message);
    Object.assign(this, { code, wait, cursor });
  }
}

async function refusalOf(response) {
  const status = await response.json().catch(() => ({}));
  const wait = Number(response.headers.get("Retry-After")) || retryAfter;
  return new Refusal(response.status, status.message ?? "", wait, status.metadata?.continue);
}

// silence stands for every way in which a server does not answer, or not to the end.
function silence() {
  throw new Refusal(0, "", retrySilence);
}

// ask returns an answer, or throws a Refusal.
async function ask(path, accept, signal) {
  const response = await fetch(path, { headers: { Accept: accept }, cache: "no-store", signal }).catch(silence);
  if (!response.ok) throw await refusalOf(response);
  return response;
}

async function read(path) {
  const response = await ask(path, "application/json", AbortSignal.timeout(patience * 1000));
  return parse(await response.text().catch(silence));
}

// probe asks for the stream and leaves at once, because an EventSource never tells why it
// was refused. It returns the time of the server, which that of the browser may not be.
async function probe(path) {
  const leave = new AbortController();
  const tooLate = setTimeout(() => leave.abort(), patience * 1000);
  try {
    const response = await ask(path, "text/event-stream", leave.signal);
    return moment(response.headers.get("Date")) ?? new Date();
  } finally {
    clearTimeout(tooLate);
    leave.abort();
  }
}

// Alarm is a sleep that can be cut short, even before it begins.
class Alarm {
  #due = Infinity;
  #timer = 0;
  #wake = () => {};

  sleep(seconds) {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#due = Infinity;
        this.#wake = () => {};
        resolve();
      };
      this.within(seconds);
    });
  }

  // within ends the sleep after that many seconds, if it does not end before.
  within(seconds) {
    this.#due = Math.min(this.#due, Date.now() + seconds * 1000);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#wake(), Math.max(0, this.#due - Date.now()));
  }
}
