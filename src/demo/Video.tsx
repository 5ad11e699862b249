// A picture of somebody. Their sound plays elsewhere, and never out of here.

import { useEffect, useRef } from 'react';

export function Video({ stream, isMirrored }: { stream: MediaStream; isMirrored: boolean }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = stream;
  }, [stream]);
  return <video ref={video} className={isMirrored ? 'mirrored' : undefined} muted playsInline autoPlay />;
}
