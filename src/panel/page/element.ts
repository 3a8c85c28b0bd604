/**
 * What the page shows, as plain values: `h('a', { href: '#/tree' }, 'Tree')`. `patch.ts` makes the
 * document agree with them. Only the attributes named here can be written: none that holds a script,
 * a style or HTML.
 */
type Value = string | number | boolean | undefined;

interface Attributes {
  readonly id?: Value;
  readonly class?: Value;
  readonly href?: Value;
  readonly target?: Value;
  readonly rel?: Value;
  readonly role?: Value;
  readonly title?: Value;
  readonly type?: Value;
  readonly name?: Value;
  readonly for?: Value;
  readonly list?: Value;
  readonly novalidate?: Value;
  readonly scope?: Value;
  readonly rows?: Value;
  readonly tabindex?: Value;
  readonly hidden?: Value;
  readonly readonly?: Value;
  readonly required?: Value;
  readonly open?: Value;
  readonly autocomplete?: Value;
  readonly autofocus?: Value;
  readonly spellcheck?: Value;
  readonly inputmode?: Value;
  readonly placeholder?: Value;
  readonly datetime?: Value;
  readonly 'aria-label'?: Value;
  readonly 'aria-labelledby'?: Value;
  readonly 'aria-describedby'?: Value;
  readonly 'aria-current'?: Value;
  readonly 'aria-expanded'?: Value;
  readonly 'aria-pressed'?: Value;
  readonly 'aria-invalid'?: Value;
  readonly 'aria-hidden'?: Value;
  readonly 'aria-busy'?: Value;
}

type Listeners = {
  readonly [Name in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Name]) => void;
};

export interface Props extends Attributes {
  /** Names it among its siblings, which keep their elements while they move. */
  readonly key?: string;
  readonly on?: Listeners;
  /** Of a field. Written when it differs from the one before, so that typing is never undone. */
  readonly value?: string;
  readonly checked?: boolean;
  /** Gets the element once, when it is made. Its children are its own business from then on. */
  readonly own?: (element: HTMLElement) => void;
}

export type Tag = keyof HTMLElementTagNameMap;

export interface ElementNode {
  readonly tag: Tag;
  readonly props: Props;
  readonly children: readonly PageNode[];
}

/** A text is shown as it is, with its unseen characters made visible. */
export type PageNode = ElementNode | string;

export type Child = PageNode | number | null | undefined | false | readonly Child[];

const NO_PROPS: Props = {};

export function h(tag: Tag, props: Props = NO_PROPS, ...children: readonly Child[]): ElementNode {
  return { tag, props, children: flatten(children) };
}

function flatten(children: readonly Child[]): PageNode[] {
  return children.flatMap((child): PageNode[] => {
    if (child === null || child === undefined || child === false || child === '') return [];
    if (typeof child === 'number') return [String(child)];
    if (typeof child === 'string' || 'tag' in child) return [child];
    return flatten(child);
  });
}
