#include "molt/types/msgpack_out.h"

#include <bit>

#include <msgpack.hpp>

namespace molt::types {

namespace {

struct Sink {
  std::string& bytes;
  void write(const char* data, std::size_t size) { bytes.append(data, size); }
};

// Calls `pack(packer)` with a packer of msgpack-cxx that writes to `bytes`.
template <class Pack>
void With(std::string& bytes, Pack pack) {
  Sink sink{bytes};
  msgpack::packer<Sink> packer(sink);
  pack(packer);
}

}  // namespace

void MsgPackOut::Int(std::int64_t value) {
  With(bytes_, [&](auto& out) { out.pack_int64(value); });
}

void MsgPackOut::Uint(std::uint64_t value) {
  With(bytes_, [&](auto& out) { out.pack_uint64(value); });
}

// Not msgpack-cxx's own pack_double: it turns 1.0 into the integer 1.
void MsgPackOut::Double(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  char bytes[9] = {'\xCB'};
  for (int i = 0; i < 8; ++i) bytes[1 + i] = static_cast<char>(bits >> (56 - 8 * i) & 0xFF);
  bytes_.append(bytes, sizeof(bytes));
}

void MsgPackOut::String(std::string_view text) {
  With(bytes_, [&](auto& out) { out.pack_str(static_cast<std::uint32_t>(text.size())); });
  bytes_.append(text);
}

void MsgPackOut::Binary(std::string_view bytes) {
  BinaryHeader(bytes.size());
  bytes_.append(bytes);
}

void MsgPackOut::BinaryHeader(std::size_t size) {
  With(bytes_, [&](auto& out) { out.pack_bin(static_cast<std::uint32_t>(size)); });
}

void MsgPackOut::Array(std::size_t items) {
  With(bytes_, [&](auto& out) { out.pack_array(static_cast<std::uint32_t>(items)); });
}

void MsgPackOut::Map(std::size_t pairs) {
  With(bytes_, [&](auto& out) { out.pack_map(static_cast<std::uint32_t>(pairs)); });
}

}  // namespace molt::types
