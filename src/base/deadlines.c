/* See deadlines.h. */
#include "deadlines.h"

static Deadline **bucket_of(Deadlines *deadlines, uint64_t duration)
{
  return &deadlines->firsts[duration % DEADLINE_BUCKETS];
}

/* The place of the pointer to the first one with this duration; what it points
   to is NULL when there is none. */
static Deadline **find(Deadlines *deadlines, uint64_t duration)
{
  Deadline **link = bucket_of(deadlines, duration);
  while (*link != NULL && (*link)->duration != duration)
    link = &(*link)->next_first;
  return link;
}

/* `first` stands in front of the list that `link` points to. */
static void set_first(Deadline **link, Deadline *first, Deadline *last,
                      Deadline *next_first)
{
  first->last = last;
  first->next_first = next_first;
  first->previous = NULL;
  *link = first;
}

void deadline_add(Deadlines *deadlines, Deadline *deadline, uint64_t duration,
                  uint64_t at)
{
  Deadline **link = find(deadlines, duration);
  Deadline *first = *link;
  Deadline *after = first != NULL ? first->last : NULL;
  deadline->owner = deadlines;
  deadline->duration = duration;
  deadline->at = at;
  while (after != NULL && after->at > at)
    after = after->previous;
  if (after != NULL) {
    deadline->previous = after;
    deadline->next = after->next;
    if (after->next != NULL)
      after->next->previous = deadline;
    else
      first->last = deadline;
    after->next = deadline;
  }
  else {
    deadline->next = first;
    if (first != NULL) {
      set_first(link, deadline, first->last, first->next_first);
      first->previous = deadline;
    }
    else
      set_first(link, deadline, deadline, NULL);
  }
  if (deadlines->count++ == 0 || at < deadlines->earliest)
    deadlines->earliest = at;
}

void deadline_remove(Deadline *deadline)
{
  Deadlines *deadlines = deadline->owner;
  Deadline *previous = deadline->previous, *next = deadline->next;
  if (deadlines == NULL)
    return;
  deadline->owner = NULL;
  if (--deadlines->count == 0)
    deadlines->earliest = 0;
  if (previous == NULL) {
    Deadline **link = find(deadlines, deadline->duration);
    if (next != NULL)
      set_first(link, next, deadline->last, deadline->next_first);
    else
      *link = deadline->next_first;
    return;
  }
  previous->next = next;
  if (next != NULL)
    next->previous = previous;
  else
    (*find(deadlines, deadline->duration))->last = previous;
}

Deadline *deadlines_pop(Deadlines *deadlines, uint64_t now)
{
  Deadline *best = NULL;
  size_t i;
  if (deadlines->count == 0 || deadlines->earliest > now)
    return NULL;
  for (i = 0; i < DEADLINE_BUCKETS; i++) {
    Deadline *first = deadlines->firsts[i];
    for (; first != NULL; first = first->next_first)
      if (best == NULL || first->at < best->at)
        best = first;
  }
  deadlines->earliest = best->at;
  if (best->at > now)
    return NULL;
  deadline_remove(best);
  return best;
}
