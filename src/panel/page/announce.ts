/** Tells screen readers what has changed, and everybody what an action came to. */
const TOAST_MS = 6_000;

/** Short enough to be listened to; the newest replaces the last. */
export function announce(text: string): void {
  const region = document.getElementById('live');
  if (region !== null) region.textContent = text;
}

let timer = 0;

/** The result of what the user did. It is seen in one place and listened to in another. */
export function tell(text: string): void {
  announce(text);
  const toast = document.getElementById('toast');
  if (toast === null) return;
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(timer);
  timer = window.setTimeout(() => {
    toast.hidden = true;
  }, TOAST_MS);
}
