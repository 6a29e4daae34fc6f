/** Takes an exclusive lock on the whole file that is open there. False: somebody else holds it. @throws an error with `code` */
export type TryLock = (fd: number) => boolean;

interface Native {
  tryLock(fd: number, offset: number, length: number, exclusive: boolean): void;
}

/**
 * Open file description locks, through fs-native-extensions. The package's own search for its binary takes 10 ms; where it lies as
 * published it is opened directly.
 *
 * @see fcntl(2), F_OFD_SETLK
 * @throws where the addon is missing or cannot be loaded
 */
export async function loadFileLocks(): Promise<TryLock> {
  const addon = "fs-native-extensions";
  const binary = `${addon}/prebuilds/${process.platform}-${process.arch}/${addon}.node`;
  try {
    const { default: native } = (await import(binary)) as { default: Native };
    return (fd) => nativeTryLock(native, fd);
  } catch {
    return (await import("fs-native-extensions")).tryLock;
  }
}

function nativeTryLock(native: Native, fd: number): boolean {
  try {
    native.tryLock(fd, 0, 0, true);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return false;
    throw error;
  }
}
