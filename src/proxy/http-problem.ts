/** A request that the proxy cannot fulfil: nothing was changed, and the text says why. */
export class HttpProblem extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.name = 'HttpProblem';
    this.statusCode = statusCode;
  }
}

/** 400: the request itself is wrong. */
export function badRequest(message: string): HttpProblem {
  return new HttpProblem(400, message);
}

/** 404: what it is about does not exist. */
export function notFound(message: string): HttpProblem {
  return new HttpProblem(404, message);
}

/** 408: it was asked for elsewhere and is not there yet. */
export function notReady(message: string): HttpProblem {
  return new HttpProblem(408, message);
}

/** 502: another server that is needed for it fails. */
export function badGateway(message: string): HttpProblem {
  return new HttpProblem(502, message);
}

/** 403: what the JSON-RPC API says of anything that it cannot do. */
export function forbidden(message: string): HttpProblem {
  return new HttpProblem(403, message);
}
