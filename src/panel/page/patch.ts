/**
 * Makes a part of the document agree with what should be shown, changing only what differs: the
 * elements stay, and with them focus, selection and scroll position. The one place that writes to
 * the document; texts enter it as text nodes only.
 */
import type { ElementNode, PageNode, Props } from './element.ts';
import { isSafeLink } from './safe-link.ts';
import { visibleText } from './visible-text.ts';

interface Mounted {
  node: PageNode;
  readonly dom: HTMLElement | Text;
  children: Mounted[];
}

export interface Root {
  show(children: readonly PageNode[]): void;
}

/** @param element whose children are made to agree */
export function createRoot(element: HTMLElement): Root {
  let mounted: Mounted[] = [];
  return {
    show(children) {
      const focused = document.activeElement;
      mounted = patchChildren(element, mounted, children);
      // An element that was moved has lost the focus.
      if (focused !== document.activeElement && focused instanceof HTMLElement) {
        if (focused.isConnected) focused.focus({ preventScroll: true });
      }
    },
  };
}

function patchChildren(
  parent: HTMLElement,
  before: readonly Mounted[],
  wanted: readonly PageNode[],
): Mounted[] {
  // Nearly always: the same elements with other texts.
  if (isAlike(before, wanted)) {
    return wanted.map((node, index) => update(before[index] as Mounted, node));
  }
  const take = matcher(before);
  const matched = wanted.map((node) => ({ node, old: take(node) }));
  const kept = new Set(matched.map(({ old }) => old));
  for (const old of before) if (!kept.has(old)) old.dom.remove();
  return matched.map(({ node, old }, index) => {
    const mounted = old === undefined ? create(node) : update(old, node);
    const place = parent.childNodes[index] ?? null;
    if (place !== mounted.dom) parent.insertBefore(mounted.dom, place);
    return mounted;
  });
}

function isAlike(before: readonly Mounted[], wanted: readonly PageNode[]): boolean {
  return (
    before.length === wanted.length &&
    before.every(({ node }, index) => isSameKind(node, wanted[index] as PageNode))
  );
}

function isSameKind(a: PageNode, b: PageNode): boolean {
  if (typeof a === 'string' || typeof b === 'string') return typeof a === typeof b;
  return a.tag === b.tag && a.props.key === b.props.key;
}

/** Gives for each wanted node what shows it already: by key, else the next one of its kind. */
function matcher(before: readonly Mounted[]): (node: PageNode) => Mounted | undefined {
  const free = new Map<string, Mounted[]>();
  for (const mounted of before) {
    const kind = kindOf(mounted.node);
    const list = free.get(kind);
    if (list === undefined) free.set(kind, [mounted]);
    else list.push(mounted);
  }
  for (const list of free.values()) list.reverse();
  return (node) => free.get(kindOf(node))?.pop();
}

function kindOf(node: PageNode): string {
  if (typeof node === 'string') return '#';
  return node.props.key === undefined ? node.tag : `${node.tag} ${node.props.key}`;
}

function create(node: PageNode): Mounted {
  if (typeof node === 'string') {
    return { node, dom: document.createTextNode(visibleText(node)), children: [] };
  }
  const dom = document.createElement(node.tag);
  // Before the properties: the value of a <select> is one of its options.
  const children = patchChildren(dom, [], node.children);
  writeProps(dom, {}, node.props);
  node.props.own?.(dom);
  return { node, dom, children };
}

function update(mounted: Mounted, node: PageNode): Mounted {
  const { dom } = mounted;
  if (mounted.node === node) return mounted;
  if (typeof node === 'string') {
    if (mounted.node !== node) (dom as Text).data = visibleText(node);
  } else {
    const element = dom as HTMLElement;
    if (node.props.own === undefined) {
      mounted.children = patchChildren(element, mounted.children, node.children);
    }
    writeProps(element, (mounted.node as ElementNode).props, node.props);
  }
  mounted.node = node;
  return mounted;
}

const NO_ATTRIBUTES = new Set(['key', 'on', 'own', 'value', 'checked']);

function writeProps(element: HTMLElement, before: Props, props: Props): void {
  if (before === props) return;
  const old = before as Readonly<Record<string, unknown>>;
  const wanted = props as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(old)) {
    if (!(name in wanted) && !NO_ATTRIBUTES.has(name)) element.removeAttribute(name);
  }
  for (const name of Object.keys(wanted)) {
    if (NO_ATTRIBUTES.has(name) || old[name] === wanted[name]) continue;
    writeAttribute(element, name, wanted[name]);
  }
  writeListeners(element, before, props);
  const field = element as HTMLInputElement;
  if (props.value !== undefined && props.value !== before.value && field.value !== props.value) {
    field.value = props.value;
  }
  if (props.checked !== undefined && props.checked !== before.checked) {
    field.checked = props.checked;
  }
}

function writeAttribute(element: HTMLElement, name: string, value: unknown): void {
  // ARIA says `false`; attributes of HTML are not there.
  const isAbsent = value === undefined || (value === false && !name.startsWith('aria-'));
  const isRefused = name === 'href' && !isSafeLink(String(value));
  if (isAbsent || isRefused) {
    element.removeAttribute(name);
  } else {
    const text = value === true && !name.startsWith('aria-') ? '' : String(value);
    // An address is not shown, and has to stay the one that it is.
    element.setAttribute(name, name === 'href' ? text : visibleText(text));
  }
}

type Handlers = Record<string, ((event: Event) => void) | undefined>;
/** What an element calls now, so that a new function needs no new listener. */
const handlersOf = new WeakMap<HTMLElement, Handlers>();

function writeListeners(element: HTMLElement, before: Props, props: Props): void {
  if (before.on === props.on) return;
  const handlers = handlersOf.get(element) ?? {};
  for (const name of Object.keys(before.on ?? {})) handlers[name] = undefined;
  for (const [name, handler] of Object.entries(props.on ?? {})) {
    if (!(name in handlers)) {
      element.addEventListener(name, (event) => handlersOf.get(element)?.[name]?.(event));
    }
    handlers[name] = handler as (event: Event) => void;
  }
  handlersOf.set(element, handlers);
}
