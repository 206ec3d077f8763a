/* How fast a body may come: the average is kept, and what a slow sender or reader
   left unused is good for a second. Pure; used by receiver.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In microseconds. */
#define PACE_CREDIT 1000000

typedef struct Pace {
  uint64_t speed; /* bytes a second; 0: any */
  uint64_t due;   /* microseconds: when more may come */
} Pace;

static inline bool pace_is_early(const Pace *pace, uint64_t now)
{
  return pace->speed > 0 && now < pace->due;
}

/* So many bytes have come. */
static inline void pace_take(Pace *pace, size_t size, uint64_t now)
{
  if (pace->due == 0)
    pace->due = now; /* the first ones: there is no credit yet */
  else if (now > PACE_CREDIT && pace->due < now - PACE_CREDIT)
    pace->due = now - PACE_CREDIT;
  pace->due += size * (uint64_t)1000000 / pace->speed;
}
