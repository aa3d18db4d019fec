/** Get-or-insert for maps. */

/** The value of a key in a map; computed and stored first if there is none. */
export function getOrInsert<K, V>(map: Map<K, V>, key: K, make: (key: K) => V): V;
export function getOrInsert<K extends WeakKey, V>(map: WeakMap<K, V>, key: K, make: (key: K) => V): V;
export function getOrInsert<K extends WeakKey, V>(map: Map<K, V> | WeakMap<K, V>, key: K, make: (key: K) => V): V {
  const known = map.get(key);
  if (known !== undefined || map.has(key)) return known as V;
  const value = make(key);
  map.set(key, value);
  return value;
}
