/* The life of a driver, and of the multis on it. */
#include "driver_private.h"

#include <stdlib.h>

#include "process.h"
#include "quirks.h"

UvDriver *uvdriver_new(uv_loop_t *loop)
{
  UvDriver *driver = calloc(1, sizeof *driver);
  if (driver == NULL)
    return NULL;
  driver->loop = loop;
  driver->forgetful_quic = quirk_quic_forgets_streams();
  driver->forks = process_forks;
  ftp_ask_version(driver);
  idle_open(driver);
  /* These four cannot fail: they only fill in the handle. */
  (void)uv_timer_init(loop, &driver->timer);
  (void)uv_timer_init(loop, &driver->rescue);
  (void)uv_idle_init(loop, &driver->idle);
  (void)uv_check_init(loop, &driver->check);
  (void)uv_check_start(&driver->check, driver_on_check);
  uv_unref((uv_handle_t *)&driver->timer);
  uv_unref((uv_handle_t *)&driver->rescue);
  uv_unref((uv_handle_t *)&driver->idle);
  uv_unref((uv_handle_t *)&driver->check);
  return driver;
}

static void driver_handle_closed(UvDriver *driver)
{
  if (--driver->closing > 0)
    return;
  free(driver->watches);
  idle_close(driver);
  free(driver);
}

static void on_timer_closed(uv_handle_t *handle)
{
  driver_handle_closed(container_of(handle, UvDriver, timer));
}

static void on_rescue_closed(uv_handle_t *handle)
{
  driver_handle_closed(container_of(handle, UvDriver, rescue));
}

static void on_idle_closed(uv_handle_t *handle)
{
  driver_handle_closed(container_of(handle, UvDriver, idle));
}

static void on_check_closed(uv_handle_t *handle)
{
  driver_handle_closed(container_of(handle, UvDriver, check));
}

void uvdriver_close(UvDriver *driver)
{
  watches_end(driver, NULL);
  driver->closing = 4;
  uv_close((uv_handle_t *)&driver->timer, on_timer_closed);
  uv_close((uv_handle_t *)&driver->rescue, on_rescue_closed);
  uv_close((uv_handle_t *)&driver->idle, on_idle_closed);
  uv_close((uv_handle_t *)&driver->check, on_check_closed);
}

CURLMcode uvdriver_add_multi(UvDriver *driver, UvMulti *multi)
{
  CURLMcode code;
  code = curl_multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION,
                           watch_on_socket);
  if (code == CURLM_OK)
    code = curl_multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, multi);
  if (code == CURLM_OK)
    code = curl_multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION,
                             timer_on_multi);
  if (code == CURLM_OK)
    code = curl_multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi);
  if (code != CURLM_OK)
    return code;
  multi->driver = driver;
  multi->deadline = 0;
  multi->kicked = false;
  multi->swept = multi->overdue = false;
  multi->next = driver->multis;
  driver->multis = multi;
  return CURLM_OK;
}

void uvdriver_remove_multi(UvMulti *multi)
{
  UvDriver *driver = multi->driver;
  UvMulti **link;
  if (driver == NULL)
    return;
  for (link = &driver->multis; *link != multi; link = &(*link)->next)
    ;
  *link = multi->next;
  /* What libcurl never took back (its own wakeup pipes) ends here. */
  watches_end(driver, multi);
  multi->driver = NULL;
}

void uvdriver_prepare_easy(UvDriver *driver, CURL *easy)
{
  /* Setting a callback and its data cannot fail. */
  (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, watch_open_socket);
  (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, driver);
  (void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, watch_close_socket);
  (void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, driver);
}

void uvdriver_transfers(UvDriver *driver, int change)
{
  int before = driver->transfers;
  driver->transfers += change;
  if (before == 0 && driver->transfers > 0)
    uv_ref((uv_handle_t *)&driver->check);
  else if (before > 0 && driver->transfers == 0)
    uv_unref((uv_handle_t *)&driver->check);
}

unsigned uvdriver_refused(const UvDriver *driver)
{
  return driver->refused;
}

uint64_t uvdriver_now(const UvDriver *driver)
{
  return uv_now(driver->loop);
}

size_t uvdriver_watched(const UvDriver *driver)
{
  return driver->watched;
}
