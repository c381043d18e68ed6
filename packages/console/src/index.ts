/** The paths of the console's screens. The screens themselves come with a later version. */
export const SCREENS = { runs: "/runs", run: "/runs/:id", workflows: "/workflows" } as const;
