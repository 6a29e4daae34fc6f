/** Where plain http may go: nobody listens on the way there. The HTTP stack checks the address once more. */
export function isLoopbackUrl({ hostname }: URL): boolean {
  return /^(127(\.\d{1,3}){3}|localhost|\[::1\])$/.test(hostname);
}
