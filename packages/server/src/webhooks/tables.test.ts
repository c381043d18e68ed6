import { onEveryDatabase } from "../db/database.testing.ts";
import { tablesConformance } from "./tables.conformance.ts";

onEveryDatabase("webhook tables", tablesConformance);
