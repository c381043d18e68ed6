import { onEveryDatabase } from "../db/database.testing.ts";
import { conversationsConformance } from "./conversations.conformance.ts";

onEveryDatabase("conversations", conversationsConformance);
