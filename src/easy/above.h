/* What the rooms above give to this one, each its part when it opens: so an easy
   can speak to its multi and have its transfer gathered, and knows neither. */
#pragma once

#include "easy.h"
#include "ports.h"

/* Of multi/. */
typedef struct MultiSide {
  bool (*is_busy)(const struct Multi *multi); /* libcurl is on the C stack */
  void (*enter)(struct Multi *multi);
  void (*leave)(struct Multi *multi); /* frees orphans */
  void (*detach)(Easy *easy);
  void (*add_orphan)(struct Multi *multi); /* while it is busy */
  Ports *(*ports)(struct Multi *multi);
  struct Multi *(*find)(lua_State *L, int idx); /* NULL: is none */
  /* The error on top (popped) is raised by the call that drives the multi. */
  void (*keep_error)(lua_State *L, struct Multi *multi);
} MultiSide;

/* Of fetch/, see receiver.h there. */
typedef struct FetchSide {
  bool (*attach)(Easy *easy);
  bool (*attach_like)(Easy *easy, const Easy *model);
  void (*begin)(Easy *easy);
  CURLcode (*result)(Easy *easy, CURLcode result);
  bool (*is_answered)(const Easy *easy);
  void (*connects)(Easy *easy); /* before libcurl does, or asks for a name */
  void (*free)(struct Receiver *receiver);
} FetchSide;

/* Every state of every thread sets them, to the same. */
extern const MultiSide *above_multi_side;
extern const FetchSide *above_fetch_side;

static inline const MultiSide *above_multi(void)
{
  return __atomic_load_n(&above_multi_side, __ATOMIC_RELAXED);
}

static inline const FetchSide *above_fetch(void)
{
  return __atomic_load_n(&above_fetch_side, __ATOMIC_RELAXED);
}

static inline void above_set_multi(const MultiSide *side)
{
  __atomic_store_n(&above_multi_side, side, __ATOMIC_RELAXED);
}

static inline void above_set_fetch(const FetchSide *side)
{
  __atomic_store_n(&above_fetch_side, side, __ATOMIC_RELAXED);
}
