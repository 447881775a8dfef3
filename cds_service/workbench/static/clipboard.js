// Copying text. Without https or localhost a browser hands out no clipboard: then the text is marked instead.

/** Copy what an element holds and return what to say about it. */
export async function copyFrom(element) {
  if (!element.textContent) return "There is nothing to copy yet.";
  try {
    await navigator.clipboard.writeText(element.textContent);
    return "Copied.";
  } catch {
    element.closest("details").open = true;
    getSelection().selectAllChildren(element);
    return "Marked: copy it with the keyboard.";
  }
}
