// Sidecars are the GGUF files of ours that stand beside a model: routing profiles, score tables,
// checkpoints. The format of one is a function over the file that names each key and tensor once,
// with the value that it holds. A SidecarWriter takes the values, a SidecarReader sets them:
//
//   template <class File, class Table>  // Table is const where File writes
//   void visit(File& file, Table& table) {
//     file.key("coe.table.n_expert", table.n_expert);
//     file.tensor("scores", {table.n_expert}, table.scores);
//   }
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace coe::gguf {

struct SidecarKind {
  std::string_view type;  // value of `general.type`
  std::string_view what;  // "routing profile"
  std::string_view version_key;
  std::uint32_t newest_version;
  // Hints.
  std::string_view how_to_make;
  std::string_view how_to_read_newer;
};

// An id that is a number, as LayerId is.
template <class Id>
concept NumberedId = std::same_as<decltype(Id::value), std::uint32_t>;

template <class Number>
constexpr TensorType tensor_type_of() {
  if constexpr (std::same_as<Number, double>) {
    return TensorType::kF64;
  } else if constexpr (std::same_as<Number, float>) {
    return TensorType::kF32;
  } else if constexpr (std::same_as<Number, std::int64_t>) {
    return TensorType::kI64;
  } else {
    static_assert(std::same_as<Number, std::uint8_t>);
    return TensorType::kI8;
  }
}

// The visits are those of SidecarReader, which says what they mean.
class SidecarWriter {
 public:
  void type(const SidecarKind& kind);
  void version(const SidecarKind& kind, std::uint32_t version);

  void key(std::string_view name, const std::string& value) { add(name, Value::string(value)); }
  void key(std::string_view name, std::uint32_t value) { add(name, Value::u32(value)); }
  void key(std::string_view name, std::uint64_t value) { add(name, Value::u64(value)); }
  void key(std::string_view name, std::int64_t value) {
    add(name, Value::u64(static_cast<std::uint64_t>(value)));
  }
  void key(std::string_view name, double value) { add(name, Value::f64(value)); }
  template <NumberedId Id>
  void key(std::string_view name, const std::vector<Id>& ids) {
    std::vector<std::uint32_t> values;
    values.reserve(ids.size());
    for (const Id id : ids) values.push_back(id.value);
    add(name, Value::array_u32(values));
  }
  template <class Row, class Field>
  void first_column(std::string_view name, const std::vector<Row>& rows, Field Row::* field) {
    std::vector<Field> values;
    values.reserve(rows.size());
    for (const Row& row : rows) values.push_back(row.*field);
    add(name, array(values));
  }
  template <class Row, class Field>
  void column(std::string_view name, const std::vector<Row>& rows, Field Row::* field) {
    first_column(name, rows, field);
  }

  void tensor(std::string_view name, const std::int64_t& value) {
    add(name, {1}, std::span(&value, 1));
  }
  template <class Number>
  void tensor(std::string_view name, const Dims& ne, const std::vector<Number>& values) {
    add(name, ne, std::span(values));
  }
  template <class Table>
  void table(std::string_view name, const Dims& ne, const Table& values) {
    add(name, ne, values.values());
  }
  template <class Number>
  void rows(std::string_view name, const Dims& row, const std::vector<Number>& values) {
    if (!values.empty()) add(name, with_rows(row, values.size()), std::span(values));
  }

  bool has(std::string_view /*name*/, bool there) const { return there; }

  // Adds the checksum of all keys and tensors. Errors: those of write_gguf.
  Status write(const Path& path, Overwrite overwrite) &&;

 private:
  void add(std::string_view name, Value value);
  template <class Number>
  void add(std::string_view name, const Dims& ne, std::span<const Number> values) {
    tensors_.push_back(
        tensor_data(std::string(name), tensor_type_of<Number>(), ne, std::as_bytes(values)));
  }
  static Value array(const std::vector<std::string>& values) { return Value::strings(values); }
  static Value array(const std::vector<double>& values) { return Value::array_f64(values); }
  static Dims with_rows(Dims row, std::size_t n_value);

  std::vector<KeyValue> keys_;
  std::vector<TensorData> tensors_;
};

// The first error stays in status(), and visits after it do nothing. Errors: kCorrupt, naming the
// key or tensor, where one is missing or has another type or shape; those of GgufFile::read.
class SidecarReader {
 public:
  // `file` must outlive the reader.
  explicit SidecarReader(const GgufFile& file) : file_(file) {}

  // Refuses another `general.type`, and says what the file is.
  void type(const SidecarKind& kind);
  // kUnsupported for versions after the newest.
  void version(const SidecarKind& kind, std::uint32_t& version);

  void key(std::string_view name, std::string& value);
  void key(std::string_view name, std::uint32_t& value);
  void key(std::string_view name, std::uint64_t& value);
  void key(std::string_view name, std::int64_t& value);  // u64
  void key(std::string_view name, double& value);
  template <NumberedId Id>
  void key(std::string_view name, std::vector<Id>& ids) {
    std::vector<std::uint32_t> values;
    array(name, values);
    for (const auto value : values) ids.push_back(Id{value});
  }
  // An array of one field of each row. The first makes the rows.
  template <class Row, class Field>
  void first_column(std::string_view name, std::vector<Row>& rows, Field Row::* field) {
    std::vector<Field> values;
    array(name, values);
    rows.resize(values.size());
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].*field = std::move(values[i]);
  }
  // One after the first must be as long.
  template <class Row, class Field>
  void column(std::string_view name, std::vector<Row>& rows, Field Row::* field) {
    std::vector<Field> values;
    array(name, values);
    if (!check_length(name, values.size(), rows.size())) return;
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].*field = std::move(values[i]);
  }

  // One number.
  void tensor(std::string_view name, std::int64_t& value);
  // Nothing is made of the sizes in `ne` before the file is known to have as much.
  template <class Number>
  void tensor(std::string_view name, const Dims& ne, std::vector<Number>& values) {
    if (const auto* info = find_tensor(name, tensor_type_of<Number>(), ne); info != nullptr)
      fill(*info, values);
  }
  // The same for a table of ne[1] rows of ne[0].
  template <class Table>
  void table(std::string_view name, const Dims& ne, Table& values) {
    using Number = std::remove_cvref_t<decltype(values.values()[0])>;
    const auto* info = find_tensor(name, tensor_type_of<Number>(), ne);
    if (info == nullptr) return;
    values = Table(ne[1], ne[0]);
    read(*info, std::as_writable_bytes(values.values()));
  }
  // As many rows as there are; none stand as no tensor.
  template <class Number>
  void rows(std::string_view name, const Dims& row, std::vector<Number>& values) {
    if (!has(name, false)) return;
    if (const auto* info = find_rows(name, tensor_type_of<Number>(), row); info != nullptr)
      fill(*info, values);
  }

  // Says whether the file has a part of that name. A writer is told so: `there`.
  bool has(std::string_view name, bool there) const;

  // Takes over what somebody else found.
  void check(Status status);
  // Refuses a file whose keys and tensors do not have the checksum that it says. One that says none
  // is of an earlier version.
  void checksum();
  // Refuses tensors that were not visited.
  void nothing_else(const SidecarKind& kind);
  const Status& status() const { return status_; }

 private:
  void refuse(Code code, std::string message, std::string_view hint = {});
  const Value* find(std::string_view name, ValueType type);
  const Value* find_array(std::string_view name, ValueType element);
  void array(std::string_view name, std::vector<std::uint32_t>& values);
  void array(std::string_view name, std::vector<std::string>& values);
  void array(std::string_view name, std::vector<double>& values);
  bool check_length(std::string_view name, std::size_t found, std::size_t expected);
  const TensorInfo* find_tensor(std::string_view name, TensorType type, const Dims& ne);
  const TensorInfo* find_rows(std::string_view name, TensorType type, const Dims& row);
  void read(const TensorInfo& info, std::span<std::byte> out);
  template <class Number>
  void fill(const TensorInfo& info, std::vector<Number>& values) {
    values.resize(info.n_bytes / sizeof(Number));  // GgufFile has checked that they are there
    read(info, std::as_writable_bytes(std::span(values)));
  }

  const GgufFile& file_;
  Status status_;
  std::set<std::string, std::less<>> seen_;  // tensors
};

// Opens a file and gives what `read` makes of it: a Result. Its errors name the file. Errors: those
// of GgufFile::open as well.
template <class Read>
std::invoke_result_t<Read, SidecarReader&> read_sidecar(const Path& path, Read read) {
  COE_TRY(const auto file, GgufFile::open(path));
  SidecarReader reader(file);
  auto result = read(reader);
  if (result) {  // whatever else is wrong has better words
    reader.checksum();
    if (!reader.status()) result = tl::unexpected<Error>(reader.status().error());
  }
  if (!result) return tl::unexpected<Error>(std::move(result).error().context(path.string()));
  return result;
}

}  // namespace coe::gguf
