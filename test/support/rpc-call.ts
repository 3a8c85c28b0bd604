/** Calls of the JSON-RPC API of a proxy. */

/** @param body sent as it is when it is a text */
export async function callMethod(
  { url }: { readonly url: string },
  method: string,
  body: unknown = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; json: Record<string, unknown>; type: string | null }> {
  const response = await fetch(`${url}slapos.${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const json = (await response.json()) as Record<string, unknown>;
  return { status: response.status, json, type: response.headers.get('content-type') };
}

/** What a method answers that cannot do it. */
export function refusedByMethod(title: string) {
  return { status: 403, json: { status: 403, type: 'Forbidden', title } };
}
