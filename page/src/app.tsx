// The page's layout.

import { useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { LivePanel } from "./charts/live.tsx";
import { TypesPanel } from "./components/breakdown.tsx";
import { Details } from "./components/details.tsx";
import { FilterChips } from "./components/filter.tsx";
import { Footer } from "./components/footer.tsx";
import { Header } from "./components/header.tsx";
import { OtherLogNotice, ProblemNotice } from "./components/notices.tsx";
import { Overview } from "./components/overview.tsx";
import { PropertyPanel } from "./components/property.tsx";
import { RetentionPanel } from "./components/retention.tsx";
import { Shortcuts } from "./components/shortcuts.tsx";
import { TailPanel } from "./components/tail.tsx";
import { TimeMachine } from "./components/time_machine.tsx";
import { Welcome } from "./components/welcome.tsx";
import { useModel } from "./model.ts";
import { RollupsPanel } from "./rollups/panel.tsx";

export function App(): JSX.Element {
  const { stream } = useModel();
  useSignalEffect(() => {
    document.title = `${stream.headline.value.spoken} · Tailrace`;
    document.documentElement.dataset["past"] = String(stream.isReplay.value);
  });
  const top = useRef<HTMLDivElement>(null);
  useEffect(() => publishHeight(top.current), []);
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <div class="bar-top" ref={top}>
        <Header />
        <TimeMachine />
        <FilterChips />
      </div>
      <main id="main" tabIndex={-1}>
        <ProblemNotice />
        <OtherLogNotice />
        {stream.backlog.logIsEmpty.value ? <Welcome /> : <Dashboard />}
      </main>
      <Footer />
      <Details />
      <Shortcuts />
    </>
  );
}

/** Keeps the height of the sticky bar in `--top`: it may wrap. */
function publishHeight(bar: HTMLElement | null): (() => void) | undefined {
  if (!bar) return;
  const observer = new ResizeObserver(() => {
    document.documentElement.style.setProperty("--top", `${bar.offsetHeight}px`);
  });
  observer.observe(bar);
  return () => observer.disconnect();
}

function Dashboard(): JSX.Element {
  return (
    <div class="board">
      <Overview />
      <div class="pair">
        <TypesPanel />
        <PropertyPanel />
        <RollupsPanel />
        <RetentionPanel />
      </div>
      <div class="stream">
        <LivePanel />
        <TailPanel />
      </div>
    </div>
  );
}
