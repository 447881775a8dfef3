// Asking our own server, and nothing else: the page's policy allows no other.

const AWAY = "The service does not answer.";
const JSON_TYPE = { "Content-Type": "application/json" };

/**
 * Post JSON text, get JSON. What is no JSON, and a server that is away, come back as an OperationOutcome, too.
 *
 * Requests and answers travel as text: a JavaScript number would turn 3.0 mmol/L into 3 mmol/L.
 */
export async function postForJson(url, text) {
  try {
    const answer = await fetch(url, { method: "POST", headers: JSON_TYPE, body: text });
    const came = (await answer.text()) || "{}";
    return { ok: answer.ok, status: answer.status, text: came, body: JSON.parse(came) };
  } catch {
    const body = { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "transient", diagnostics: AWAY }] };
    return { ok: false, status: 0, text: JSON.stringify(body), body };
  }
}

/** Post JSON text, get a piece of the page; an error comes back as a sentence. */
export async function postForHtml(url, text) {
  try {
    const answer = await fetch(url, { method: "POST", headers: JSON_TYPE, body: text });
    const came = await answer.text();
    return answer.ok ? { html: came } : { problem: problemIn(JSON.parse(came)) };
  } catch {
    return { problem: AWAY };
  }
}

/** An object as JSON text in which some members are JSON text already. */
export function jsonOf(members, written) {
  const all = Object.entries(members).map(([name, value]) => [name, JSON.stringify(value)]);
  const texts = [...all, ...Object.entries(written)].map(([name, text]) => `${JSON.stringify(name)}:${text}`);
  return `{${texts.join(",")}}`;
}

/** The words of an OperationOutcome. */
export function problemIn(body) {
  const issues = Array.isArray(body?.issue) ? body.issue : [];
  const words = issues.map(({ expression, diagnostics }) => [...(expression ?? []), diagnostics ?? ""].join(": "));
  return words.join(" ") || "The answer does not say why.";
}

/** HTML of our server as nodes; what could be a script in it never runs. */
export function fragment({ html, problem }) {
  const piece = document.createDocumentFragment();
  if (problem) {
    const line = document.createElement("p");
    line.className = "problem";
    line.textContent = problem;
    piece.append(line);
    piece.failed = true;
  } else {
    piece.append(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  }
  return piece;
}
