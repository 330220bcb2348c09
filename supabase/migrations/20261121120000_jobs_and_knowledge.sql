-- COGO jobs_and_knowledge.

-- built from sql/ by scripts/migrations/build.ts: change the files there

-- end of what is built
