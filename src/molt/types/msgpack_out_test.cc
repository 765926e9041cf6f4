#include "molt/types/msgpack_out.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <msgpack.hpp>

#include "molt/types/byte_out.h"

namespace molt::types {
namespace {

// By msgpack-cxx.
template <class Pack>
std::string Packed(Pack pack) {
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> packer(buffer);
  pack(packer);
  return {buffer.data(), buffer.size()};
}
template <class Write>
std::string Written(Write write) {
  std::string bytes;
  MsgPackOut out(bytes);
  write(out);
  ByteOut other;
  BasicMsgPackOut<ByteOut> other_out(other);
  write(other_out);
  EXPECT_EQ(other.view(), bytes);
  return bytes;
}

TEST(MsgPackOut, IntegersTakeTheFormThatTheLibraryGivesThem) {
  std::vector<std::int64_t> values = {0, 1, -1};
  for (int bits = 1; bits < 63; ++bits) {
    for (const std::int64_t near : {-1, 0, 1}) {
      values.push_back((std::int64_t{1} << bits) + near);
      values.push_back(-(std::int64_t{1} << bits) + near);
    }
  }
  values.push_back(std::numeric_limits<std::int64_t>::min());
  values.push_back(std::numeric_limits<std::int64_t>::max());
  for (const std::int64_t value : values) {
    EXPECT_EQ(Written([&](auto& out) { out.Int(value); }),
              Packed([&](auto& packer) { packer.pack_int64(value); }))
        << value;
    const auto positive = static_cast<std::uint64_t>(value);
    EXPECT_EQ(Written([&](auto& out) { out.Uint(positive); }),
              Packed([&](auto& packer) { packer.pack_uint64(positive); }))
        << positive;
  }
}

TEST(MsgPackOut, LengthsTakeTheFormThatTheLibraryGivesThem) {
  for (const std::uint32_t size : {0U, 1U, 15U, 16U, 31U, 32U, 255U, 256U, 65'535U, 65'536U}) {
    const std::string bytes(size, 'x');
    EXPECT_EQ(Written([&](auto& out) { out.String(bytes); }), Packed([&](auto& packer) {
                packer.pack_str(size);
                packer.pack_str_body(bytes.data(), size);
              }));
    EXPECT_EQ(Written([&](auto& out) { out.Binary(bytes); }), Packed([&](auto& packer) {
                packer.pack_bin(size);
                packer.pack_bin_body(bytes.data(), size);
              }));
    EXPECT_EQ(Written([&](auto& out) { out.Array(size); }),
              Packed([&](auto& packer) { packer.pack_array(size); }));
    EXPECT_EQ(Written([&](auto& out) { out.Map(size); }),
              Packed([&](auto& packer) { packer.pack_map(size); }));
  }
}

TEST(MsgPackOut, ADoubleStaysADouble) {
  EXPECT_EQ(Written([](auto& out) { out.Double(1.0); }),
            std::string("\xCB\x3F\xF0\0\0\0\0\0\0", 9));
  EXPECT_EQ(Written([](auto& out) {
              out.Nil();
              out.Bool(true);
              out.Bool(false);
            }),
            "\xC0\xC3\xC2");
}

}  // namespace
}  // namespace molt::types
