/** Links lead into the page or to web pages: a `javascript:` address would run here. Pure. */
export function isSafeLink(address: string): boolean {
  return /^(#|\.\/|https?:\/\/)/i.test(address);
}
