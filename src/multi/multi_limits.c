/* Limits in time of transfers: when an answer has to have begun, when all
   has to be done, and how long nothing may come. */
#include "above.h"
#include "gathered.h"
#include "multi.h"

uint64_t multi_now(const Multi *multi)
{
  return multi->driven.driver != NULL ? uvdriver_now(multi->driven.driver)
                                      : uv_hrtime() / 1000000;
}

enum {
  LIMIT_FIRST_BYTE,
  LIMIT_CONNECT,
  LIMIT_CONNECT_AGAIN, /* that has passed */
  LIMIT_TOTAL,
  LIMIT_IDLE
};

static void add(const Multi *multi, Deadline *deadline, int kind,
                uint64_t duration, uint64_t at)
{
  deadline->kind = kind;
  deadline_add(multi->deadlines, deadline, duration, at);
  if (multi->loop != NULL)
    multi->side->arm(multi->loop);
}

void multi_expect_answer(Multi *multi, Easy *easy)
{
  uint64_t duration = easy->receiver->first_byte_ms;
  if (duration != 0 && multi->deadlines != NULL)
    add(multi, &easy->silence, LIMIT_FIRST_BYTE, duration,
        multi_now(multi) + duration);
}

void multi_expect_connection(Multi *multi, Easy *easy)
{
  /* libcurl's clock is of whole ms, too. */
  uint64_t duration = (uint64_t)easy->receiver->connect_ms + 1;
  if (multi->deadlines == NULL)
    return;
  deadline_remove(&easy->silence);
  add(multi, &easy->silence, LIMIT_CONNECT, duration,
      multi_now(multi) + duration);
}

void multi_is_connected(Multi *multi, Easy *easy)
{
  if (easy->silence.owner == NULL ||
      (easy->silence.kind != LIMIT_CONNECT &&
       easy->silence.kind != LIMIT_CONNECT_AGAIN))
    return;
  deadline_remove(&easy->silence);
  multi_expect_answer(multi, easy);
}

void multi_limit(Multi *multi, Easy *easy, uint64_t duration, uint64_t at)
{
  if (multi->deadlines != NULL)
    add(multi, &easy->total, LIMIT_TOTAL, duration, at);
}

void multi_expect_more(Multi *multi, Easy *easy, uint64_t duration)
{
  Deadline *silence = &easy->silence;
  if (multi->deadlines == NULL ||
      (silence->owner != NULL && silence->kind == LIMIT_IDLE))
    return;
  deadline_remove(silence); /* there is an answer */
  add(multi, silence, LIMIT_IDLE, duration, multi_now(multi) + duration);
}

/* What comes only moves a mark: it is looked at when the time is over. */
static void expire_idle(Deadlines *deadlines, Easy *easy, uint64_t now)
{
  uint64_t duration = easy->silence.duration, due = now;
  if (easy->receiver == NULL || easy->finished)
    return;
  due = easy->receiver->active_ms + duration;
  if (due > now) {
    deadline_add(deadlines, &easy->silence, duration, due);
    return;
  }
  easy->receiver->overdue = true;
  easy_join_ready(easy, easy->multi->ready);
}

static void expire(Deadlines *deadlines, Easy *easy, uint64_t now)
{
  Receiver *receiver = easy->receiver;
  uint64_t duration = easy->silence.duration, due = now + duration;
  if (receiver == NULL || easy->finished || above_fetch()->is_answered(easy))
    return;
  /* Until it is connected another limit counts. */
  if (receiver->connected && !receiver->reconnects)
    due = receiver->active_ms + duration;
  if (due > now) {
    deadline_add(deadlines, &easy->silence, duration, due);
    return;
  }
  receiver->late = true;
  easy_join_ready(easy, easy->multi->ready);
}

/* The loop's clock is late by the length of a turn, and libcurl may not see yet that
   the time has passed: it is looked at until it is ended, or connected, less and
   less often. */
#define CONNECT_AGAIN_MS 50

static void expire_connect(Deadlines *deadlines, Easy *easy, uint64_t now)
{
  uint64_t pause = easy->silence.kind == LIMIT_CONNECT
                       ? CONNECT_AGAIN_MS
                       : 2 * easy->silence.duration;
  if (easy->finished || easy->multi->driven.driver == NULL)
    return;
  uvdriver_look_after(&easy->multi->driven);
  easy->silence.kind = LIMIT_CONNECT_AGAIN;
  deadline_add(deadlines, &easy->silence, pause, now + pause);
}

static void expire_one(Deadlines *deadlines, Deadline *due, uint64_t now)
{
  Easy *easy;
  switch (due->kind) {
  case LIMIT_TOTAL: /* who waits for it looks at the time */
    easy = container_of(due, Easy, total);
    if (easy->receiver != NULL)
      easy->receiver->overdue = true;
    easy_join_ready(easy, easy->multi->ready);
    break;
  case LIMIT_CONNECT:
  case LIMIT_CONNECT_AGAIN:
    expire_connect(deadlines, container_of(due, Easy, silence), now);
    break;
  case LIMIT_IDLE:
    expire_idle(deadlines, container_of(due, Easy, silence), now);
    break;
  default: expire(deadlines, container_of(due, Easy, silence), now); break;
  }
}

uint64_t multi_expire(Deadlines *deadlines, uint64_t now)
{
  Deadline *due;
  while ((due = deadlines_pop(deadlines, now)) != NULL)
    expire_one(deadlines, due, now);
  return deadlines->earliest;
}
