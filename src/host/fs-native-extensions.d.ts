/** The package ships no types; this is the one function we use. False: somebody else holds the lock. */
declare module "fs-native-extensions" {
  export function tryLock(fd: number): boolean;
}
