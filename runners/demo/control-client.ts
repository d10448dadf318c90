/** The control plane over HTTP, exactly as anyone else would call it. */
export interface ControlClient {
  get<T>(path: string): Promise<T>
  send<T>(method: 'POST' | 'PUT', path: string, body: unknown): Promise<T>
  sendLines<T>(path: string, lines: readonly unknown[]): Promise<T>
}

export class ControlRequestError extends Error {
  readonly code = 'CONTROL_REQUEST_FAILED'
  readonly status: number
  constructor(method: string, path: string, status: number, body: string) {
    super(`${method} ${path} answered ${status}: ${body.slice(0, 600)}`)
    this.name = 'ControlRequestError'
    this.status = status
  }
}

export function controlClient(baseUrl: string, key: string): ControlClient {
  const call = async <T>(method: string, path: string, contentType: string, body?: string): Promise<T> => {
    const response = await fetch(`${baseUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': contentType }) },
      ...(body !== undefined && { body }),
    })
    const text = await response.text()
    if (!response.ok) throw new ControlRequestError(method, path, response.status, text)
    return (text === '' ? null : JSON.parse(text)) as T
  }
  return {
    get: (path) => call('GET', path, ''),
    send: (method, path, body) => call(method, path, 'application/json', JSON.stringify(body)),
    sendLines: (path, lines) =>
      call('POST', path, 'application/x-ndjson', lines.map((line) => JSON.stringify(line)).join('\n')),
  }
}
