// OpenSSL's view of a socket: like its own socket BIO, but a write to a closed peer is an error and
// never a SIGPIPE.
#pragma once

struct bio_st;

namespace pgw::net {

/// A BIO that reads and writes `fd` without owning it; nullptr when memory is out. The caller owns
/// the BIO.
bio_st* make_socket_bio(int fd);

}  // namespace pgw::net
