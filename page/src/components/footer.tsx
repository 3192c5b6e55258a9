import type { JSX } from "preact";
import { browserZone, timeZone, timeZones } from "../format/times.ts";
import { store } from "../view/storage.ts";

const API = ["/stats", "/events", "/status", "/openapi.json"];

function choose(zone: string): void {
  timeZone.value = zone;
  store("zone", zone === browserZone() ? null : zone);
}

export function Footer(): JSX.Element {
  return (
    <footer class="foot">
      <label class="zone">
        Times in
        <select class="by" value={timeZone.value} onChange={(event) => choose(event.currentTarget.value)}>
          {timeZones().map((zone) => (
            <option key={zone} value={zone}>
              {zone.replaceAll("_", " ")}
            </option>
          ))}
        </select>
      </label>
      <nav aria-label="API">
        {API.map((path) => (
          <a href={path} key={path}>
            {path}
          </a>
        ))}
      </nav>
    </footer>
  );
}
