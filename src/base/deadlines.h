/* When transfers are looked at again because of a limit: one first-in-first-out
   list for each duration, so that adding and removing take no time however many
   there are, and the earliest of all is one of the heads. Knows neither Lua nor
   libcurl; who owns the lists waits for `earliest`. Used by multi.c, loop.c and
   ready_box.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct Deadlines;

/* A member of what has the limit; zeroed it is in no list. Times are ms of
   uv_hrtime. */
typedef struct Deadline {
  struct Deadlines *owner;     /* NULL: in no list */
  struct Deadline *previous;   /* of the first one: the last of its list */
  struct Deadline *next;       /* of the last one: NULL */
  struct Deadline *next_first; /* of the first one: another list's */
  uint64_t at;
  uint64_t duration : 56;
  uint64_t kind : 8; /* for its owner, who may have several */
} Deadline;

#define DEADLINE_BUCKETS 64

typedef struct Deadlines {
  Deadline *firsts[DEADLINE_BUCKETS]; /* lists, by their duration */
  uint64_t earliest; /* none is due before it; 0: there are none */
  size_t count;
} Deadlines;

/* Due at `at`. What has the same duration should come in the order of `at`: what
   does not takes time for each that it passes. */
void deadline_add(Deadlines *deadlines, Deadline *deadline, uint64_t duration,
                  uint64_t at);

/* Does nothing for one that is in no list. */
void deadline_remove(Deadline *deadline);

/* Takes one out that is due; NULL when none is. Then `earliest` is exact. */
Deadline *deadlines_pop(Deadlines *deadlines, uint64_t now);
