/* What options are before anything is set. libcurl can be told a value, but not
   to take its own default again. */
#include "options_private.h"

/* By number: deprecated, or younger than a header may be. */
#define OPTION_PROTOCOLS 181
#define OPTION_REDIR_PROTOCOLS 182
#define OPTION_PROTOCOLS_STR 10318
#define OPTION_REDIR_PROTOCOLS_STR 10319
#define OPTION_CA_CACHE_TIMEOUT 321
#define OPTION_QUICK_EXIT 322
#define OPTION_TCP_KEEPCNT 326
#define OPTION_UPLOAD_FLAGS 328

/* Longs whose default in libcurl, or in easy_set_basics, is not 0. */
static const struct {
  int id;
  long value;
} long_defaults[] = {
  { CURLOPT_SSL_VERIFYPEER, 1 },
  { CURLOPT_SSL_VERIFYHOST, 2 },
  { CURLOPT_PROXY_SSL_VERIFYPEER, 1 },
  { CURLOPT_PROXY_SSL_VERIFYHOST, 2 },
  { CURLOPT_DOH_SSL_VERIFYPEER, 1 },
  { CURLOPT_DOH_SSL_VERIFYHOST, 2 },
  { CURLOPT_NOPROGRESS, 1 },
  { CURLOPT_NOSIGNAL, 1 },
  { CURLOPT_SSL_SESSIONID_CACHE, 1 },
  { CURLOPT_TCP_NODELAY, 1 },
  { CURLOPT_DNS_CACHE_TIMEOUT, 60 },
  { CURLOPT_MAXREDIRS, -1 },
  { CURLOPT_HTTP_TRANSFER_DECODING, 1 },
  { CURLOPT_SSL_ENABLE_ALPN, 1 },
  { CURLOPT_HTTP_CONTENT_DECODING, 1 },
  { CURLOPT_BUFFERSIZE, 16384 },
  { CURLOPT_UPLOAD_BUFFERSIZE, 65536 },
  { CURLOPT_POSTFIELDSIZE, -1 },
  { CURLOPT_INFILESIZE, -1 },
  { CURLOPT_MAXAGE_CONN, 118 },
  { CURLOPT_EXPECT_100_TIMEOUT_MS, 1000 },
  { CURLOPT_TCP_KEEPIDLE, 60 },
  { CURLOPT_TCP_KEEPINTVL, 60 },
  { CURLOPT_FTP_USE_EPSV, 1 },
  { CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, 200 },
  { CURLOPT_FTP_USE_EPRT, 1 },
  { CURLOPT_FTP_SKIP_PASV_IP, 1 },
  { CURLOPT_SSH_AUTH_TYPES, -1 },
  { CURLOPT_HEADEROPT, CURLHEADER_SEPARATE },
  { CURLOPT_STREAM_WEIGHT, 16 },
  { CURLOPT_MAXCONNECTS, 5 },
  { CURLOPT_TFTP_BLKSIZE, 512 },
  { CURLOPT_RTSP_REQUEST, CURL_RTSPREQ_OPTIONS },
  { CURLOPT_RTSP_CLIENT_CSEQ, 1 },
  { OPTION_PROTOCOLS, -1 },
  { OPTION_REDIR_PROTOCOLS,
    CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FTP | CURLPROTO_FTPS },
  { OPTION_QUICK_EXIT, 1 },
  { OPTION_CA_CACHE_TIMEOUT, 86400 },
  { OPTION_TCP_KEEPCNT, 9 },
  { OPTION_UPLOAD_FLAGS, 16 },
  { CURLOPT_NEW_FILE_PERMS, 0644 },
  { CURLOPT_HTTPAUTH, 1 },
  { CURLOPT_NEW_DIRECTORY_PERMS, 0755 },
  { CURLOPT_PROXYAUTH, 1 },
  { CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS },
  { CURLOPT_SOCKS5_AUTH, (long)(CURLAUTH_BASIC | CURLAUTH_GSSAPI) },
  { CURLOPT_UPKEEP_INTERVAL_MS, 60000 },
};

long options_long_default(CURLoption id)
{
  size_t i;
  if (id == CURLOPT_MAXREDIRS &&
      curl_version_info(CURLVERSION_NOW)->version_num >= 0x080300)
    return 30;
  for (i = 0; i < sizeof long_defaults / sizeof *long_defaults; i++)
    if (long_defaults[i].id == (int)id)
      return long_defaults[i].value;
  return 0;
}

/* What libcurl has before anything is set: for most NULL. */
const char *options_string_default(CURLoption id)
{
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  switch ((int)id) {
  case CURLOPT_CAINFO:
  case CURLOPT_PROXY_CAINFO: return info->cainfo;
  case CURLOPT_CAPATH:
  case CURLOPT_PROXY_CAPATH: return info->capath;
  case OPTION_PROTOCOLS_STR: return "all";
  case OPTION_REDIR_PROTOCOLS_STR: return "http,https,ftp,ftps";
  default: return NULL;
  }
}
