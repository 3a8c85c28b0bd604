/** Which view the part of the address after `#` names. Pure. */

export type Route =
  | { readonly view: 'nodes' }
  | { readonly view: 'tree' }
  | { readonly view: 'software' }
  | { readonly view: 'instance'; readonly reference: string }
  | { readonly view: 'partition'; readonly computerId: string; readonly partition: string };

export function parseRoute(hash: string): Route {
  const [view, first = '', second = ''] = hash.replace(/^#\/?/, '').split('/').map(decodePart);
  if (view === 'tree' || view === 'software') return { view };
  if (view === 'instance' && first !== '') return { view, reference: first };
  if (view === 'partition' && first !== '' && second !== '') {
    return { view, computerId: first, partition: second };
  }
  return { view: 'nodes' };
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function renderRoute(route: Route): string {
  if (route.view === 'instance') return `#/instance/${encodeURIComponent(route.reference)}`;
  if (route.view === 'partition') {
    const parts = [route.computerId, route.partition].map(encodeURIComponent);
    return `#/partition/${parts.join('/')}`;
  }
  return route.view === 'nodes' ? '#/' : `#/${route.view}`;
}
