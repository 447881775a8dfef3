// Wires the page: what is picked becomes a request, the request goes to the service as an EHR would send it, and
// what comes back is shown. The server writes all HTML; this script only puts it in its place.

import { copyFrom } from "./clipboard.js";
import { answerCard } from "./feedback.js";
import { fragment, jsonOf, postForHtml, postForJson, problemIn } from "./service.js";

const byId = (id) => document.getElementById(id);
const form = byId("hook-form");
const routes = { request: form.dataset.request, cards: form.dataset.cards, reading: form.dataset.reading };

// What was picked: members, and those that are JSON text already.
let source = [{ story: form.dataset.story }, {}];
let request = "";
let service = "";
let turn = 0;

const hook = () => form.querySelector("[name=hook]:checked");

const asOrdered = () => {
  byId("drafts").hidden = !hook().value.startsWith("order-");
};

const say = (text) => {
  byId("status").textContent = text;
};

async function call() {
  const mine = ++turn;
  const drafts = [...form.querySelectorAll("[name=drafts]:checked")].map((box) => box.value);
  const { value, dataset } = hook();
  say("Asking the service …");
  const composed = await postForJson(routes.request, jsonOf({ ...source[0], hook: value, drafts }, source[1]));
  if (mine !== turn) return;
  if (!composed.ok) {
    clear();
    say(`No request could be made of this. ${problemIn(composed.body)}`);
    return;
  }
  request = composed.text;
  service = dataset.service;
  showRequest();
  const [answer] = await Promise.all([postForJson(service, request), read(mine)]);
  if (mine !== turn) return;
  byId("response-text").textContent = JSON.stringify(answer.body, null, 2);
  byId("response-line").textContent = `HTTP ${answer.status}`;
  const html = await postForHtml(routes.cards, jsonOf({ status: answer.status }, { answer: answer.text }));
  if (mine !== turn) return;
  showCards(html);
}

function clear() {
  for (const id of ["cards", "evidence", "reading"]) byId(id).replaceChildren();
  for (const id of ["request-text", "response-text", "curl-text"]) byId(id).textContent = "";
}

function showRequest() {
  const url = new URL(service, location.href);
  byId("request-text").textContent = request;
  byId("request-line").textContent = `POST ${url.pathname}`;
  byId("curl-text").textContent =
    `curl -s ${url} -H 'Content-Type: application/json' --data-binary @- <<'END-OF-REQUEST'\n${request}\nEND-OF-REQUEST`;
}

function showCards(html) {
  const parts = fragment(html);
  for (const part of parts.querySelectorAll("[data-for]")) byId(part.dataset.for).replaceChildren(part);
  if (parts.failed) byId("cards").replaceChildren(parts);
  const cards = [...document.querySelectorAll(".card")];
  const refused = byId("cards").querySelector(".refused");
  if (refused) {
    say(refused.querySelector("p").textContent);
  } else if (!cards.length) {
    say("No card.");
  } else {
    const counted = ["critical", "warning", "info"]
      .map((name) => [cards.filter((card) => card.dataset.indicator === name).length, name])
      .filter(([count]) => count)
      .map(([count, name]) => `${count} ${name}${name === "warning" && count > 1 ? "s" : ""}`);
    say(`${cards.length} ${cards.length === 1 ? "card" : "cards"}: ${counted.join(", ")}.`);
  }
}

async function read(mine) {
  const view = { unit: byId("unit").value, span: byId("span").value };
  const html = await postForHtml(routes.reading, jsonOf(view, { request }));
  if (mine === turn) byId("reading").replaceChildren(fragment(html));
}

async function open(picked, title) {
  source = picked;
  byId("patient-title").textContent = title;
  byId("patient-story").replaceChildren();
  document.querySelector(".stories [aria-current]")?.removeAttribute("aria-current");
  byId("patient-title").focus();
  await call();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  call();
});
form.addEventListener("change", asOrdered);

for (const id of ["unit", "span"]) {
  byId(id).addEventListener("change", () => request && read(turn));
}

byId("bundle-file").addEventListener("change", async ({ target }) => {
  if (target.files.length) byId("bundle-text").value = await target.files[0].text();
});
byId("bundle-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const problem = byId("bundle-problem");
  problem.textContent = "";
  try {
    JSON.parse(byId("bundle-text").value);
  } catch {
    problem.textContent = "This is not JSON.";
    byId("bundle-text").focus();
    return;
  }
  open([{ shift: byId("bundle-shift").checked }, { bundle: byId("bundle-text").value }], "Your chart");
});
byId("server-form").addEventListener("submit", (event) => {
  event.preventDefault();
  open([{ server: byId("server-url").value, patientId: byId("server-patient").value }, {}], "Patient on a FHIR server");
});

byId("cards").addEventListener("click", (event) => {
  const button = event.target.closest("[data-accept]");
  if (button) answerCard(service, button.closest(".card"), { accepted: button });
});
byId("cards").addEventListener("submit", (event) => {
  event.preventDefault();
  answerCard(service, event.target.closest(".card"), { overridden: event.target });
});
byId("cards").addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#evidence-']");
  const details = link && document.querySelector(link.getAttribute("href"));
  if (details) {
    event.preventDefault();
    details.open = true;
    details.querySelector("summary").focus();
  }
});

document.querySelector(".copies").addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) byId("copied").textContent = await copyFrom(byId(button.dataset.copy));
});

// Where the list of patients stands above the patient it would hide him.
if (matchMedia("(max-width: 79.99rem)").matches) document.querySelector(".picker").open = false;
asOrdered();
call();
