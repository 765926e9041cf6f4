// Long because: every Arrow type and every malformed array is a short test of its own.
#include "molt/types/arrow_import.h"

#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "molt/types/arrow_export.h"
#include "molt/types/column_builder.h"
#include "nanoarrow/nanoarrow.hpp"

namespace molt::types {
namespace {

using Values = std::vector<Value>;
using nanoarrow::UniqueArray;
using nanoarrow::UniqueArrayStream;
using nanoarrow::UniqueSchema;

constexpr std::int64_t kInt64Max = std::numeric_limits<std::int64_t>::max();

// A foreign column as a test describes it: its Arrow format and its two or three raw buffers.
struct Foreign {
  std::string format;
  std::int64_t length = 0;
  std::vector<std::string> buffers;         // after validity
  std::vector<std::uint8_t> validity = {};  // one a row; empty: no NULLs
  std::shared_ptr<Foreign> dictionary = nullptr;
  std::string extension = {};
  std::int64_t offset = 0;
};

template <class T>
std::string Raw(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(std::data(values)), values.size() * sizeof(T)};
}

template <class T>
Foreign Fixed(std::string format, std::initializer_list<T> values) {
  return {std::move(format), static_cast<std::int64_t>(values.size()), {Raw(values)}};
}

template <class Offset>
Foreign Text(std::string format, std::vector<std::string> values) {
  std::vector<Offset> offsets = {0};
  std::string data;
  for (const std::string& value : values) {
    data += value;
    offsets.push_back(static_cast<Offset>(data.size()));
  }
  const std::string raw(reinterpret_cast<const char*>(offsets.data()),
                        offsets.size() * sizeof(Offset));
  return {std::move(format), static_cast<std::int64_t>(values.size()), {raw, data}};
}

// Arrays whose buffers lie on the heap in their exact size, so that ASan finds what reads past.
struct Owner {
  std::vector<std::unique_ptr<std::uint64_t[]>> memory;
  std::vector<const void*> buffers;
  std::vector<ArrowArray*> children;
  ArrowArray dictionary{};
};

void ReleaseOwned(ArrowArray* array) {
  auto* owner = static_cast<Owner*>(array->private_data);
  for (ArrowArray* child : owner->children) {
    if (child->release != nullptr) child->release(child);
    delete child;
  }
  if (array->dictionary != nullptr && array->dictionary->release != nullptr) {
    array->dictionary->release(array->dictionary);
  }
  array->release = nullptr;
  delete owner;
}

void MakeArray(const Foreign& column, ArrowArray* out) {
  auto* owner = new Owner;
  *out = ArrowArray{};
  const auto add = [&](const std::string& bytes) {
    // Rounded up to words for alignment; the tests that look past the end use whole words.
    owner->memory.push_back(std::make_unique<std::uint64_t[]>((bytes.size() + 7) / 8));
    if (!bytes.empty()) std::memcpy(owner->memory.back().get(), bytes.data(), bytes.size());
    owner->buffers.push_back(owner->memory.back().get());
  };
  if (column.format != "n") {
    if (column.validity.empty()) {
      owner->buffers.push_back(nullptr);
    } else {
      std::string bitmap((column.validity.size() + 7) / 8, '\0');
      for (std::size_t i = 0; i < column.validity.size(); ++i) {
        if (column.validity[i] != 0) bitmap[i / 8] = static_cast<char>(bitmap[i / 8] | 1 << i % 8);
      }
      add(bitmap);
    }
  }
  for (const std::string& buffer : column.buffers) add(buffer);
  out->length = column.length;
  out->offset = column.offset;
  out->null_count = column.validity.empty() ? 0 : -1;
  out->n_buffers = static_cast<std::int64_t>(owner->buffers.size());
  out->buffers = owner->buffers.data();
  if (column.dictionary) {
    MakeArray(*column.dictionary, &owner->dictionary);
    out->dictionary = &owner->dictionary;
  }
  out->release = &ReleaseOwned;
  out->private_data = owner;
}

void MakeTable(const std::vector<Foreign>& columns, std::int64_t length, ArrowArray* out) {
  auto* owner = new Owner;
  *out = ArrowArray{};
  owner->buffers.push_back(nullptr);
  for (const Foreign& column : columns) {
    owner->children.push_back(new ArrowArray);
    MakeArray(column, owner->children.back());
  }
  out->length = length;
  out->n_buffers = 1;
  out->buffers = owner->buffers.data();
  out->n_children = static_cast<std::int64_t>(columns.size());
  out->children = owner->children.data();
  out->release = &ReleaseOwned;
  out->private_data = owner;
}

void SetColumn(const Foreign& column, const std::string& name, ArrowSchema* out) {
  ASSERT_EQ(ArrowSchemaSetFormat(out, column.format.c_str()), 0);
  ASSERT_EQ(ArrowSchemaSetName(out, name.c_str()), 0);
  if (!column.extension.empty()) {
    nanoarrow::UniqueBuffer metadata;
    ASSERT_EQ(ArrowMetadataBuilderInit(metadata.get(), nullptr), 0);
    ASSERT_EQ(ArrowMetadataBuilderAppend(metadata.get(), ArrowCharView("ARROW:extension:name"),
                                         ArrowCharView(column.extension.c_str())),
              0);
    ASSERT_EQ(ArrowSchemaSetMetadata(out, reinterpret_cast<const char*>(metadata->data)), 0);
  }
  if (column.dictionary) {
    ASSERT_EQ(ArrowSchemaAllocateDictionary(out), 0);
    ArrowSchemaInit(out->dictionary);
    SetColumn(*column.dictionary, "", out->dictionary);
  }
}

void MakeSchema(const std::vector<Foreign>& columns, ArrowSchema* out) {
  ArrowSchemaInit(out);
  ASSERT_EQ(ArrowSchemaSetTypeStruct(out, static_cast<std::int64_t>(columns.size())), 0);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    SetColumn(columns[i], "c" + std::to_string(i), out->children[i]);
  }
}

UniqueArrayStream StreamOf(ArrowSchema* schema, std::vector<UniqueArray> arrays) {
  UniqueArrayStream stream;
  EXPECT_EQ(
      ArrowBasicArrayStreamInit(stream.get(), schema, static_cast<std::int64_t>(arrays.size())), 0);
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    ArrowBasicArrayStreamSetArray(stream.get(), static_cast<std::int64_t>(i), arrays[i].get());
  }
  return stream;
}

UniqueArrayStream StreamOf(const std::vector<Foreign>& columns) {
  UniqueSchema schema;
  MakeSchema(columns, schema.get());
  std::vector<UniqueArray> arrays(1);
  MakeTable(columns, columns.empty() ? 0 : columns[0].length, arrays[0].get());
  return StreamOf(schema.get(), std::move(arrays));
}

Result<RecordBatchPtr> Import(ArrowArrayStream* stream) {
  MOLT_ASSIGN(auto importer, ArrowImporter::Open(stream));
  EXPECT_EQ(stream->release, nullptr);
  return importer->Next();
}

Values CellsOf(const Foreign& column, LogicalType type) {
  auto stream = StreamOf({column});
  auto batch = Import(stream.get());
  EXPECT_TRUE(batch) << column.format << ": " << batch.error().message;
  if (!batch) return {};
  EXPECT_EQ((*batch)->schema->at(0).type, type) << column.format;
  EXPECT_EQ((*batch)->columns[0].type, type) << column.format;
  Values cells;
  for (std::int64_t row = 0; row < (*batch)->num_rows; ++row) {
    cells.push_back((*batch)->columns[0].ValueAt(row));
  }
  return cells;
}

std::string RefusalOf(const std::vector<Foreign>& columns) {
  auto stream = StreamOf(columns);
  const auto batch = Import(stream.get());
  EXPECT_FALSE(batch) << columns[0].format;
  return batch ? "" : batch.error().message;
}

Values Integers(std::initializer_list<std::int64_t> values) {
  return {values.begin(), values.end()};
}

TEST(ArrowImport, IntegersOfEveryWidthBecomeInt64) {
  const LogicalType type = TypeId::kInt64;
  EXPECT_EQ(CellsOf(Fixed<std::int8_t>("c", {-128, 127}), type), Integers({-128, 127}));
  EXPECT_EQ(CellsOf(Fixed<std::uint8_t>("C", {0, 255}), type), Integers({0, 255}));
  EXPECT_EQ(CellsOf(Fixed<std::int16_t>("s", {-32768, 1}), type), Integers({-32768, 1}));
  EXPECT_EQ(CellsOf(Fixed<std::uint16_t>("S", {65535}), type), Integers({65535}));
  EXPECT_EQ(CellsOf(Fixed<std::int32_t>("i", {-5, 7}), type), Integers({-5, 7}));
  EXPECT_EQ(CellsOf(Fixed<std::uint32_t>("I", {4294967295}), type), Integers({4294967295}));
  EXPECT_EQ(CellsOf(Fixed<std::int64_t>("l", {-kInt64Max, kInt64Max}), type),
            Integers({-kInt64Max, kInt64Max}));
  EXPECT_EQ(CellsOf(Fixed<std::uint64_t>("L", {9223372036854775807}), type), Integers({kInt64Max}));
}

TEST(ArrowImport, AUint64AboveInt64IsRefusedByNameAndRow) {
  EXPECT_EQ(RefusalOf({Fixed<std::int8_t>("c", {0, 0}),
                       Fixed<std::uint64_t>("L", {1, 9223372036854775808U})}),
            "column \"c1\" holds, in row 1 (counting from 0), a uint64 above the range of int64");
}

TEST(ArrowImport, FloatsBecomeFloat64) {
  const LogicalType type = TypeId::kFloat64;
  EXPECT_EQ(CellsOf(Fixed<std::uint16_t>("e", {0x3E00, 0xC000}), type), (Values{1.5, -2.0}));
  EXPECT_EQ(CellsOf(Fixed<float>("f", {0.25F}), type), (Values{0.25}));
  EXPECT_EQ(CellsOf(Fixed<double>("g", {0.1}), type), (Values{0.1}));
}

TEST(ArrowImport, BooleansAndNulls) {
  Foreign column{"b", 3, {std::string("\x05")}, {1, 0, 1}};
  EXPECT_EQ(CellsOf(column, TypeId::kBool), (Values{true, Null{}, true}));
  EXPECT_EQ(CellsOf({"n", 2, {}}, TypeId::kNull), (Values{Null{}, Null{}}));
}

TEST(ArrowImport, TextAndBinaryOfEveryLayout) {
  const std::string text = "čaj";
  const std::string bytes("\0\xFF", 2);
  EXPECT_EQ(CellsOf(Text<std::int32_t>("u", {text, ""}), TypeId::kUtf8), (Values{text, ""}));
  EXPECT_EQ(CellsOf(Text<std::int64_t>("U", {"", text}), TypeId::kUtf8), (Values{"", text}));
  EXPECT_EQ(CellsOf(Text<std::int32_t>("z", {bytes}), TypeId::kBinary), (Values{Bytes{bytes}}));
  EXPECT_EQ(CellsOf(Text<std::int64_t>("Z", {bytes}), TypeId::kBinary), (Values{Bytes{bytes}}));
  EXPECT_EQ(CellsOf({"w:2", 2, {bytes + bytes}}, TypeId::kBinary),
            (Values{Bytes{bytes}, Bytes{bytes}}));
}

std::string View(const std::string& text, std::int32_t buffer = -1, std::int32_t offset = 0) {
  std::string view = Raw<std::int32_t>({static_cast<std::int32_t>(text.size())});
  if (buffer < 0) {
    view += text;
  } else {
    view += text.substr(0, 4) + Raw<std::int32_t>({buffer, offset});
  }
  view.resize(16);
  return view;
}

TEST(ArrowImport, ViewsInlineAndInAnyBuffer) {
  const std::string first = "a text longer than twelve";
  const std::string second = "another longer text";
  const Foreign column{
      "vu",
      4,
      {View("") + View("twelve bytes") + View(first, 0) + View(second, 1, 2), first, "__" + second,
       Raw<std::int64_t>({static_cast<std::int64_t>(first.size()),
                          static_cast<std::int64_t>(second.size() + 2)})}};
  EXPECT_EQ(CellsOf(column, TypeId::kUtf8), (Values{"", "twelve bytes", first, second}));
  Foreign binary = column;
  binary.format = "vz";
  EXPECT_EQ(CellsOf(binary, TypeId::kBinary),
            (Values{Bytes{""}, Bytes{"twelve bytes"}, Bytes{first}, Bytes{second}}));
}

TEST(ArrowImport, AViewOutOfItsBuffersIsRefused) {
  const std::string text = "a text longer than twelve";
  const auto size = static_cast<std::int64_t>(text.size());
  for (const std::string& view :
       {View(text, 1), View(text, 0, 1), View(text, 0, -1), View(text, 0x7FFFFFFF),
        Raw<std::int32_t>({-1, 0, 0, 0}), Raw<std::int32_t>({0x7FFFFFFF, 0, 0, 0x7FFFFFFF})}) {
    EXPECT_NE(
        RefusalOf({{"vu", 1, {view, text, Raw<std::int64_t>({size})}}}).find("outside its buffers"),
        std::string::npos);
  }
  EXPECT_NE(RefusalOf({{"vu", 1, {View(text, 0)}}}).find("malformed"), std::string::npos);
}

TEST(ArrowImport, DatesOfBothWidths) {
  EXPECT_EQ(CellsOf(Fixed<std::int32_t>("tdD", {-1, 19782}), TypeId::kDate),
            (Values{Date{-1}, Date{19782}}));
  EXPECT_EQ(CellsOf(Fixed<std::int64_t>("tdm", {-86'400'000, 0}), TypeId::kDate),
            (Values{Date{-1}, Date{0}}));
  EXPECT_NE(RefusalOf({Fixed<std::int64_t>("tdm", {1})}).find("time of day"), std::string::npos);
  EXPECT_NE(RefusalOf({Fixed<std::int64_t>("tdm", {86'400'000LL * 3'000'000'000})}).find("range"),
            std::string::npos);
}

TEST(ArrowImport, TimesOfEveryUnit) {
  const LogicalType type = TypeId::kTime;
  EXPECT_EQ(CellsOf(Fixed<std::int32_t>("tts", {86'399}), type), (Values{Time{86'399'000'000}}));
  EXPECT_EQ(CellsOf(Fixed<std::int32_t>("ttm", {5}), type), (Values{Time{5'000}}));
  EXPECT_EQ(CellsOf(Fixed<std::int64_t>("ttu", {5}), type), (Values{Time{5}}));
  EXPECT_EQ(CellsOf(Fixed<std::int64_t>("ttn", {5'000}), type), (Values{Time{5}}));
  EXPECT_NE(RefusalOf({Fixed<std::int64_t>("ttn", {5'001})}).find("would be lost"),
            std::string::npos);
  EXPECT_NE(RefusalOf({Fixed<std::int32_t>("tts", {86'400})}).find("within a day"),
            std::string::npos);
  EXPECT_NE(RefusalOf({Fixed<std::int64_t>("ttu", {-1})}).find("within a day"), std::string::npos);
}

TEST(ArrowImport, TimestampsOfEveryUnitWithAndWithoutZone) {
  for (const bool utc : {false, true}) {
    const std::string zone = utc ? "Europe/Ljubljana" : "";
    const LogicalType type = utc ? TypeId::kTimestampTz : TypeId::kTimestamp;
    EXPECT_EQ(CellsOf(Fixed<std::int64_t>("tss:" + zone, {-1}), type),
              (Values{Timestamp{-1'000'000, utc}}));
    EXPECT_EQ(CellsOf(Fixed<std::int64_t>("tsm:" + zone, {-1}), type),
              (Values{Timestamp{-1'000, utc}}));
    EXPECT_EQ(CellsOf(Fixed<std::int64_t>("tsu:" + zone, {-1}), type),
              (Values{Timestamp{-1, utc}}));
    EXPECT_EQ(CellsOf(Fixed<std::int64_t>("tsn:" + zone, {-1'000}), type),
              (Values{Timestamp{-1, utc}}));
  }
  EXPECT_NE(RefusalOf({Fixed<std::int64_t>("tsn:", {-1})}).find("would be lost"),
            std::string::npos);
  EXPECT_NE(RefusalOf({Fixed<std::int64_t>("tss:", {kInt64Max})}).find("out of the range"),
            std::string::npos);
}

TEST(ArrowImport, DecimalsBecomeTheirExactText) {
  const LogicalType type = TypeId::kDecimal;
  const std::string minus_one(16, '\xFF');
  const Foreign column{"d:38,2", 4, {Raw<std::int64_t>({12345, 0, 5, 0, 0, 0}) + minus_one}};
  EXPECT_EQ(CellsOf(column, type),
            (Values{Decimal{"123.45"}, Decimal{"0.05"}, Decimal{"0.00"}, Decimal{"-0.01"}}));
  EXPECT_EQ(CellsOf({"d:38,0", 1, {minus_one}}, type), (Values{Decimal{"-1"}}));
  EXPECT_EQ(CellsOf({"d:38,-3", 1, {Raw<std::int64_t>({12, 0})}}, type),
            (Values{Decimal{"12E+3"}}));
  EXPECT_EQ(CellsOf({"d:76,1,256", 1, {Raw<std::int64_t>({0, 1, 0, 0})}}, type),
            (Values{Decimal{"1844674407370955161.6"}}));
  EXPECT_EQ(CellsOf({"d:9,1,32", 1, {Raw<std::int32_t>({-15})}}, type), (Values{Decimal{"-1.5"}}));
  EXPECT_EQ(CellsOf({"d:18,1,64", 1, {Raw<std::int64_t>({-15})}}, type), (Values{Decimal{"-1.5"}}));
  EXPECT_EQ(CellsOf({"d:38,0", 1, {std::string(15, '\0') + '\x80'}}, type),
            (Values{Decimal{"-170141183460469231731687303715884105728"}}));
  EXPECT_NE(RefusalOf({{"d:38,2000000000", 1, {minus_one}}}).find("decimal of scale 2000000000"),
            std::string::npos);
}

TEST(ArrowImport, UuidsByTheirExtension) {
  Foreign column{"w:16", 1, {std::string(16, '\x11')}};
  EXPECT_TRUE(std::holds_alternative<Bytes>(CellsOf(column, TypeId::kBinary)[0]));
  column.extension = "arrow.uuid";
  EXPECT_EQ(std::get<Uuid>(CellsOf(column, TypeId::kUuid)[0]).bytes[15], 0x11);
}

TEST(ArrowImport, DictionariesAreLookedUp) {
  auto words = std::make_shared<Foreign>(Text<std::int32_t>("u", {"a", "b", "?"}));
  words->validity = {1, 1, 0};
  Foreign column = Fixed<std::int8_t>("c", {1, 0, -1, 2});
  column.validity = {1, 1, 0, 1};  // what stands under a NULL is not looked at
  column.dictionary = words;
  EXPECT_EQ(CellsOf(column, TypeId::kUtf8), (Values{"b", "a", Null{}, Null{}}));
  for (const auto index : {3, -1}) {
    Foreign bad = Fixed<std::int32_t>("i", {index});
    bad.dictionary = words;
    EXPECT_NE(RefusalOf({bad}).find("column \"c0\" of the Arrow batch that begins with row 0 is "
                                    "malformed: [0] Expected dictionary index"),
              std::string::npos);
  }
  Foreign nested = column;
  nested.dictionary = std::make_shared<Foreign>(column);
  EXPECT_NE(RefusalOf({nested}).find("a dictionary of dictionaries"), std::string::npos);
}

TEST(ArrowImport, SlicesBeginWhereTheySay) {
  Foreign column = Text<std::int32_t>("u", {"a", "b", "c", "d"});
  column.offset = 1;
  column.length = 3;
  UniqueSchema schema;
  MakeSchema({column}, schema.get());
  std::vector<UniqueArray> arrays(1);
  MakeTable({column}, 2, arrays[0].get());
  arrays[0]->offset = 1;
  auto stream = StreamOf(schema.get(), std::move(arrays));
  const auto batch = Import(stream.get());
  ASSERT_TRUE(batch) << batch.error().message;
  EXPECT_EQ((*batch)->num_rows, 2);
  EXPECT_EQ((*batch)->columns[0].ValueAt(0), Value("c"));
  EXPECT_EQ((*batch)->columns[0].ValueAt(1), Value("d"));
}

TEST(ArrowImport, NestedAndUnknownTypesAreRefusedByName) {
  UniqueSchema schema;
  ArrowSchemaInit(schema.get());
  ASSERT_EQ(ArrowSchemaSetTypeStruct(schema.get(), 1), 0);
  ASSERT_EQ(ArrowSchemaSetType(schema->children[0], NANOARROW_TYPE_LIST), 0);
  ASSERT_EQ(ArrowSchemaSetType(schema->children[0]->children[0], NANOARROW_TYPE_INT64), 0);
  ASSERT_EQ(ArrowSchemaSetName(schema->children[0], "tags"), 0);
  auto stream = StreamOf(schema.get(), {});
  const auto importer = ArrowImporter::Open(stream.get());
  ASSERT_FALSE(importer);
  EXPECT_EQ(importer.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(importer.error().message,
            "column \"tags\" has a type that cannot be inserted: list; cast or drop the column");
  RefusalOf({Fixed<std::int64_t>("tDu", {1})});
  RefusalOf({Fixed<std::int32_t>("tiM", {1})});
  RefusalOf({Fixed<std::int32_t>("?", {1})});
}

TEST(ArrowImport, MalformedArraysAreErrors) {
  const std::vector<Foreign> cases = {
      {"l", 2, {}},                                             // a buffer too few
      {"u", 1, {Raw<std::int32_t>({0, 1})}},                    // likewise
      {"l", 1, {Raw<std::int64_t>({1}), ""}},                   // one too many
      {"u", 2, {Raw<std::int32_t>({0, 2, 1, 0}), "ab"}},        // offsets that go back
      {"u", 1, {Raw<std::int32_t>({-1, 1}), "ab"}},             // a negative one
      {"U", 2, {Raw<std::int64_t>({0, -5, 1}), "ab"}},          //
      {"l", -1, {Raw<std::int64_t>({1})}},                      // a negative length
      {"l", 1, {Raw<std::int64_t>({1})}, {}, nullptr, "", -1},  // a negative offset
      {"l", 1, {Raw<std::int64_t>({1})}, {}, nullptr, "", kInt64Max},
      {"n", 1, {""}},
      {"vu", 1, {}},
      {"vu", 1, {View("a")}},
  };
  for (const Foreign& column : cases) {
    EXPECT_NE(RefusalOf({column, {"n", 1, {}}}).find("malformed"), std::string::npos)
        << column.format;
  }
  // A column shorter than the table.
  EXPECT_NE(RefusalOf({Fixed<std::int64_t>("l", {1, 2}), Fixed<std::int64_t>("l", {1})})
                .find("malformed"),
            std::string::npos);
}

TEST(ArrowImport, MissingPointersAreErrors) {
  const std::vector<Foreign> columns = {Fixed<std::int64_t>("l", {1})};
  const auto refusal = [&](auto damage) {
    UniqueSchema schema;
    MakeSchema(columns, schema.get());
    std::vector<UniqueArray> arrays(1);
    MakeTable(columns, 1, arrays[0].get());
    damage(arrays[0].get());
    auto stream = StreamOf(schema.get(), std::move(arrays));
    const auto batch = Import(stream.get());
    EXPECT_FALSE(batch);
    return batch ? "" : batch.error().message;
  };
  EXPECT_NE(refusal([](ArrowArray* a) { a->children[0]->buffers[1] = nullptr; }).find("malformed"),
            std::string::npos);
  EXPECT_NE(refusal([](ArrowArray* a) { a->children[0]->buffers = nullptr; }).find("malformed"),
            std::string::npos);
  EXPECT_NE(refusal([](ArrowArray* a) { a->children = nullptr; }).find("malformed"),
            std::string::npos);
  EXPECT_NE(refusal([](ArrowArray* a) { a->n_children = 0; }).find("malformed"), std::string::npos);
  EXPECT_NE(
      refusal([](ArrowArray* a) { a->children[0]->release(a->children[0]); }).find("malformed"),
      std::string::npos);
}

TEST(ArrowImport, InvalidTextIsRefused) {
  EXPECT_NE(RefusalOf({Text<std::int32_t>("u", {"ok", "\xFF"})}).find("row 1"), std::string::npos);
}

TEST(ArrowImport, ARowThatIsNullAsAWholeIsRefused) {
  UniqueSchema schema;
  const std::vector<Foreign> columns = {Fixed<std::int64_t>("l", {1, 2})};
  MakeSchema(columns, schema.get());
  std::vector<UniqueArray> arrays(1);
  MakeTable(columns, 2, arrays[0].get());
  const std::uint8_t validity = 1;
  arrays[0]->buffers[0] = &validity;
  arrays[0]->null_count = 1;
  auto stream = StreamOf(schema.get(), std::move(arrays));
  EXPECT_NE(Import(stream.get()).error().message.find("row 1 (counting from 0)"),
            std::string::npos);
}

TEST(ArrowImport, OnlyStreamsOfRecordBatchesAreRead) {
  UniqueSchema schema;
  ASSERT_EQ(ArrowSchemaInitFromType(schema.get(), NANOARROW_TYPE_INT64), 0);
  auto stream = StreamOf(schema.get(), {});
  EXPECT_NE(ArrowImporter::Open(stream.get()).error().message.find("no record batches"),
            std::string::npos);
  EXPECT_NE(ArrowImporter::Open(stream.get()).error().message.find("already read"),
            std::string::npos);
}

// Fails where a test says.
struct FailingProducer {
  bool at_schema;
  static int GetSchema(ArrowArrayStream* stream, ArrowSchema* out) {
    if (static_cast<FailingProducer*>(stream->private_data)->at_schema) return EIO;
    ArrowSchemaInit(out);
    return ArrowSchemaSetTypeStruct(out, 0);
  }
  static int GetNext(ArrowArrayStream*, ArrowArray*) { return EIO; }
  static const char* LastErrorOf(ArrowArrayStream* stream) {
    return static_cast<FailingProducer*>(stream->private_data)->at_schema ? nullptr : "disk gone";
  }
  static void Release(ArrowArrayStream* stream) { stream->release = nullptr; }
};

TEST(ArrowImport, TheProducersErrorIsShown) {
  for (const bool at_schema : {true, false}) {
    FailingProducer producer{at_schema};
    ArrowArrayStream stream{&FailingProducer::GetSchema, &FailingProducer::GetNext,
                            &FailingProducer::LastErrorOf, &FailingProducer::Release, &producer};
    const auto batch = Import(&stream);
    ASSERT_FALSE(batch);
    EXPECT_NE(batch.error().message.find(at_schema ? "Input/output error" : "disk gone"),
              std::string::npos)
        << batch.error().message;
  }
}

TEST(ArrowImport, AfterTheEndOrAnErrorThereIsNothing) {
  auto stream = StreamOf({Fixed<std::uint64_t>("L", {9223372036854775808U})});
  auto importer = ArrowImporter::Open(stream.get());
  ASSERT_TRUE(importer);
  EXPECT_FALSE((*importer)->Next());
  EXPECT_EQ(*(*importer)->Next(), nullptr);
}

TEST(ArrowImport, WhatWasExportedComesBack) {
  const Values values = {true,         std::int64_t{-7},     2.5,
                         "čaj",        Bytes{"\xFF"},        Date{-1},
                         Time{86'399}, Timestamp{-1, false}, Timestamp{1, true}};
  auto batch = std::make_shared<RecordBatch>();
  Schema schema;
  for (const Value& value : values) {
    ColumnBuilder builder(TypeOf(value));
    builder.AppendValue(value);
    builder.AppendNull();
    batch->columns.push_back(builder.Finish());
    schema.push_back({"c", TypeOf(value)});
  }
  batch->num_rows = 2;
  UniqueArrayStream stream;
  ASSERT_TRUE(ExportStream(schema, {batch, batch}, stream.get()));
  auto importer = ArrowImporter::Open(stream.get());
  ASSERT_TRUE(importer);
  EXPECT_EQ((*importer)->schema(), schema);
  for (int i = 0; i < 2; ++i) {
    const auto got = (*importer)->Next();
    ASSERT_TRUE(got) << got.error().message;
    for (std::size_t c = 0; c < values.size(); ++c) {
      EXPECT_EQ((*got)->columns[c].ValueAt(0), values[c]);
      EXPECT_TRUE((*got)->columns[c].IsNull(1));
    }
  }
  EXPECT_EQ(*(*importer)->Next(), nullptr);
}

}  // namespace
}  // namespace molt::types
