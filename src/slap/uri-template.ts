/** The part of URI templates (RFC 6570) that HATEOAS answers use. Pure. */

type Variables = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Fills `{name}`, `{?name,list*}` and `{&name,list*}`; variables without a value are left out.
 * A list is repeated where the template explodes it and joined by commas elsewhere.
 */
export function expandUriTemplate(template: string, variables: Variables): string {
  return template.replace(/\{([?&]?)([^{}]*)\}/g, (_match, operator: string, names: string) => {
    const parts = names.split(',').flatMap((name) => expandVariable(name, operator, variables));
    if (operator === '') return parts.join(',');
    return parts.length === 0 ? '' : operator + parts.join('&');
  });
}

function expandVariable(spec: string, operator: string, variables: Variables): string[] {
  const isExploded = spec.endsWith('*');
  const name = isExploded ? spec.slice(0, -1) : spec;
  const value = variables[name];
  if (value === undefined) return [];
  const texts = (typeof value === 'string' ? [value] : value).map(encodeURIComponent);
  const named = (text: string): string => (operator === '' ? text : `${name}=${text}`);
  return isExploded ? texts.map(named) : [named(texts.join(','))];
}
