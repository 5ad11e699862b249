// A text for the camera of a phone.

import { encode } from 'uqr';

export function QrCode({ text, label }: { text: string; label: string }) {
  const { data, size } = encode(text, { ecc: 'M', border: 4 });
  return (
    <svg className="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shapeRendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={data.flatMap(rowPath).join('')} fill="#000" />
    </svg>
  );
}

/** One square for each dark module of a row. */
const rowPath = (row: boolean[], y: number) => row.flatMap((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : []));
