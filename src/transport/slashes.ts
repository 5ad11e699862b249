// Repeated slashes in request targets. Clients send them when they append to a base path that ends with a slash.

/** Returns a request target (RFC 9112, 3.2) with single slashes in its path. Does not change its query, or an absolute URL. */
export function collapseSlashes(target: string): string {
  if (!target.startsWith('/')) return target;
  const [path = ''] = target.split('?', 1);
  return path.replace(/\/{2,}/g, '/') + target.slice(path.length);
}
