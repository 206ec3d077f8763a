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
  first->previous = last;
  first->next_first = next_first;
  *link = first;
}

/* The one of a list behind which `at` belongs; NULL: it is the earliest. */
static Deadline *find_before(const Deadline *first, uint64_t at)
{
  Deadline *before = first->previous;
  while (before->at > at) {
    if (before == first)
      return NULL;
    before = before->previous;
  }
  return before;
}

void deadline_add(Deadlines *deadlines, Deadline *deadline, uint64_t duration,
                  uint64_t at)
{
  Deadline **link = find(deadlines, duration);
  Deadline *first = *link;
  Deadline *before = first != NULL ? find_before(first, at) : NULL;
  deadline->owner = deadlines;
  deadline->duration = duration;
  deadline->at = at;
  if (first == NULL) {
    deadline->next = NULL;
    set_first(link, deadline, deadline, NULL);
  }
  else if (before == NULL) {
    deadline->next = first;
    set_first(link, deadline, first->previous, first->next_first);
    first->previous = deadline;
  }
  else {
    deadline->previous = before;
    deadline->next = before->next;
    if (before->next != NULL)
      before->next->previous = deadline;
    else
      first->previous = deadline;
    before->next = deadline;
  }
  if (deadlines->count++ == 0 || at < deadlines->earliest)
    deadlines->earliest = at;
}

void deadline_remove(Deadline *deadline)
{
  Deadlines *deadlines = deadline->owner;
  Deadline *next = deadline->next;
  Deadline **link;
  if (deadlines == NULL)
    return;
  deadline->owner = NULL;
  if (--deadlines->count == 0)
    deadlines->earliest = 0;
  link = find(deadlines, deadline->duration);
  if (*link != deadline) {
    deadline->previous->next = next;
    (next != NULL ? next : *link)->previous = deadline->previous;
  }
  else if (next != NULL)
    set_first(link, next, deadline->previous, deadline->next_first);
  else
    *link = deadline->next_first;
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
