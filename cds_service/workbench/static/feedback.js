// What a clinician did with a card, told to the service as CDS Hooks feedback.

import { postForJson, problemIn } from "./service.js";

/** Send the outcome of a card and say on the card what came of it. */
export async function answerCard(service, card, done) {
  const feedback = done.accepted ? accepted(card, done.accepted) : overridden(card, done.overridden);
  const outcome = card.querySelector(".outcome");
  const answer = await postForJson(`${service}/feedback`, JSON.stringify({ feedback: [feedback] }));
  outcome.classList.toggle("failed", !answer.ok);
  if (answer.ok) {
    close(card, done.accepted);
    outcome.textContent = `${words(card, done)} Feedback recorded (HTTP ${answer.status}).`;
  } else {
    outcome.textContent = `Feedback was not recorded (HTTP ${answer.status}). ${problemIn(answer.body)}`;
  }
  outcome.focus();
}

function accepted(card, button) {
  return { ...common(card, "accepted"), acceptedSuggestions: [{ id: button.dataset.accept }] };
}

function overridden(card, form) {
  const option = form.querySelector("select").selectedOptions[0];
  const comment = form.querySelector("input").value.trim();
  const why = {};
  if (option.value) why.reason = { code: option.value, system: option.dataset.system };
  if (comment) why.userComment = comment;
  return { ...common(card, "overridden"), ...(Object.keys(why).length ? { overrideReason: why } : {}) };
}

function common(card, outcome) {
  return { card: card.dataset.card, outcome, outcomeTimestamp: new Date().toISOString() };
}

/** A card is answered once; only where it allows several suggestions do the others stay. */
function close(card, button) {
  card.classList.add("answered");
  const several = button && card.dataset.several === "yes";
  const done = several ? [button, card.querySelector(".dismiss")] : [card.querySelector(".answer")];
  for (const part of done) part?.remove();
}

function words(card, { accepted: button }) {
  if (!button) return "Overridden.";
  return `${button.getAttribute("aria-label").replace("Accept: ", "Accepted: ")}.`;
}
