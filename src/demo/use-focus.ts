// Focus goes to what a new view begins with, so that keyboards and screen readers begin there, too.

import { useEffect, useRef, type RefObject } from 'react';

export function useFocus<T extends HTMLElement>(): RefObject<T | null> {
  const element = useRef<T>(null);
  useEffect(() => element.current?.focus(), []);
  return element;
}
