// Results as bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "molt/codec/encoder.h"
#include "molt/engine/database.h"

namespace molt::engine {

// Memory that a result may take of what it shares with others.
class ByteAllowance {
 public:
  ByteAllowance() = default;
  virtual ~ByteAllowance() = default;
  ByteAllowance(const ByteAllowance&) = delete;
  ByteAllowance& operator=(const ByteAllowance&) = delete;
  // Whether the result may be so large in all. Asked as it grows, on the thread that encodes it.
  virtual bool MayHave(std::size_t size) = 0;
};

struct EncodeSpec {
  codec::ResultFormat format = codec::ResultFormat::kJson;
  codec::EncodeOptions options;
  std::int64_t rows_max = -1;   // the result is cut after so many; below 0: it is not
  std::int64_t batch_rows = 0;  // what is read at a time has so many at most; 0: the engine's usual
  std::size_t bytes_max = 0;    // InvalidQuery if it would be longer; 0: no limit
  std::shared_ptr<ByteAllowance> allowance;  // Busy if it says no; may be nullptr
  // What encodes it; empty: the format's own encoder.
  std::function<std::unique_ptr<codec::Encoder>()> make_encoder;
};

struct Encoded {
  std::string bytes;
  std::int64_t rows = 0;
  std::int64_t exec_us = 0;    // until the first rows were there
  std::int64_t decode_us = 0;  // from then on
};

// A whole result.
Async<Encoded> FetchEncoded(std::shared_ptr<Database> database, Source source, EncodeSpec spec,
                            RequestContext context);

// A result in pieces, as it comes.
class EncodedStream {
 public:
  static Async<std::unique_ptr<EncodedStream>> Open(std::shared_ptr<Database> database,
                                                    Source source, EncodeSpec spec,
                                                    RequestContext context);
  // The next piece; the last one has is_last(), and may be empty.
  Async<std::string> Next(RequestContext context);
  [[nodiscard]] bool is_last() const { return is_last_; }
  [[nodiscard]] std::int64_t rows() const { return rows_; }

 private:
  std::shared_ptr<Database> database_;
  std::unique_ptr<Cursor> cursor_;  // ends before the database may
  std::unique_ptr<codec::Encoder> encoder_;
  EncodeSpec spec_;
  std::int64_t rows_ = 0;
  bool is_last_ = false;
};

}  // namespace molt::engine
