// The devices that there are now.

import { useEffect, useState } from 'react';
import { listDevices, onDevicesChanged, type Devices } from '../react';

/** Safari plays on the loudspeaker of the system alone. */
export const canChooseSpeaker = 'setSinkId' in HTMLMediaElement.prototype;

/**
 * Undefined until the browser has told.
 *
 * @param isAllowed - whether the page may use one of them: only then do browsers tell their names, so it is asked again.
 */
export function useDevices(isAllowed: boolean): Devices | undefined {
  const [devices, setDevices] = useState<Devices>();

  useEffect(() => {
    let isOver = false;
    const look = () =>
      void listDevices().then((found) => {
        if (!isOver) setDevices(found);
      });
    look();
    const unsubscribe = onDevicesChanged(look);
    return () => {
      isOver = true;
      unsubscribe();
    };
  }, [isAllowed]);

  return devices;
}
