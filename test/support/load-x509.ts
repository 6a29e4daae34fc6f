/**
 * @peculiar/x509 sits on a dependency-injection library that refuses to load without the metadata part of Reflect. Its needs are
 * three functions over a weak map, so this file gives them and no polyfill package is installed for a test helper.
 */

type Metadata = Map<unknown, unknown>;

interface MetadataReflect {
  getMetadata?: (key: unknown, target: object) => unknown;
  getOwnMetadata?: (key: unknown, target: object) => unknown;
  defineMetadata?: (key: unknown, value: unknown, target: object) => void;
}

function installReflectMetadata(): void {
  const reflect = Reflect as unknown as MetadataReflect;
  if (reflect.getMetadata !== undefined) return;
  const store = new WeakMap<object, Metadata>();
  reflect.defineMetadata = (key, value, target) => {
    const known = store.get(target) ?? new Map<unknown, unknown>();
    known.set(key, value);
    store.set(target, known);
  };
  reflect.getOwnMetadata = (key, target) => store.get(target)?.get(key);
  reflect.getMetadata = (key, target) => {
    for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at)) {
      const known = store.get(at);
      if (known?.has(key)) return known.get(key);
    }
    return undefined;
  };
}

/** Loads @peculiar/x509 on first use. It takes some 100 ms, so a test that needs no certificate does not pay. */
export async function loadX509(): Promise<typeof import("@peculiar/x509")> {
  installReflectMetadata();
  return import("@peculiar/x509");
}
