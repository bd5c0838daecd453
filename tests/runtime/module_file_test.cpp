#include "tilewright/runtime/module_file.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "runtime/fixture.h"
#include "runtime/json_scan.h"
#include "runtime/sha256.h"

namespace tilewright::runtime {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::standard_module;

std::string hex(const std::array<std::uint8_t, 32>& digest) {
  std::string text;
  for (std::uint8_t byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hex(hash.finish());
}

// The error of loading, which must name the reason.
Error load_error(std::string_view bytes, const LoadOptions& options = {}) {
  try {
    Module::load_from_memory(bytes, options);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "loaded";
  return {ErrorCode::kInternal, "loaded"};
}

TEST(Sha256Test, PublishedVectors) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, PiecesGiveTheSameAsTheWhole) {
  const std::string text(300, 'x');
  for (std::size_t cut = 0; cut <= text.size(); cut += 7) {
    Sha256 hash;
    hash.update(std::string_view(text).substr(0, cut));
    hash.update(std::string_view(text).substr(cut));
    EXPECT_EQ(hex(hash.finish()), sha256(text));
  }
}

TEST(JsonScanTest, FindsStringArraysAtTheTop) {
  const char* json =
      R"( {"a": {"features": ["no"]}, "b": [1, {"x": "]"}, "\""], "features" : [ "avx2", "fma" ], "z": null} )";
  EXPECT_THAT(*find_string_array(json, "features"), ElementsAre("avx2", "fma"));
  EXPECT_TRUE(find_string_array(json, "missing")->empty());
  EXPECT_TRUE(find_string_array("{}", "features")->empty());
  for (const char* bad : {"", "[]", "{", "{\"features\": [1]}", "{\"features\": [\"a\"", "{\"features\": \"a\"}",
                          "{\"a\" 1}", "{\"a\": [}", "{\"a\": \"x"}) {
    EXPECT_FALSE(find_string_array(bad, "features").has_value()) << bad;
  }
  EXPECT_FALSE(find_string_array("{\"a\": " + std::string(100000, '['), "features").has_value());
}

TEST(ModuleFileTest, InspectReadsEverything) {
  const ModuleFileInfo info = inspect_file(standard_module());
  EXPECT_EQ(info.abi_major, static_cast<std::uint32_t>(TW_ABI_MAJOR));
  EXPECT_TRUE(info.sealed);
  EXPECT_THAT(info.functions, ElementsAre("matmul", "scale"));
  EXPECT_EQ(info.metadata, R"({"schema": 1, "features": ["sse2"]})");
  EXPECT_EQ(inspect_metadata(standard_module()), info.metadata);
  EXPECT_TRUE(checksum_matches(standard_module()));
}

TEST(ModuleFileTest, UnsealedFilesNeedPermission) {
  std::string bytes = testing::build_module("", {.seal = false});
  EXPECT_FALSE(inspect_file(bytes).sealed);
  EXPECT_FALSE(checksum_matches(bytes));
  EXPECT_EQ(load_error(bytes).code(), ErrorCode::kChecksum);
  Module::load_from_memory(bytes, {.allow_unsealed = true});
  seal(bytes);
  Module::load_from_memory(bytes);
  std::vector<std::uint8_t> vector(bytes.begin(), bytes.end());
  seal(vector);  // sealing again changes nothing
  EXPECT_TRUE(std::equal(vector.begin(), vector.end(), reinterpret_cast<const std::uint8_t*>(bytes.data())));
}

TEST(ModuleFileTest, EachReasonHasItsCode) {
  EXPECT_EQ(load_error("").code(), ErrorCode::kTruncatedFile);
  EXPECT_EQ(load_error("hello, world").code(), ErrorCode::kNotElf);
  EXPECT_EQ(load_error(standard_module().substr(0, 3)).code(), ErrorCode::kTruncatedFile);

  std::string other = standard_module();
  other[offsetof(Elf64_Ehdr, e_machine)] = static_cast<char>(EM_RISCV);
  EXPECT_EQ(load_error(other).code(), ErrorCode::kWrongArchitecture);
  EXPECT_THAT(load_error(other).what(), HasSubstr("compiled for risc-v, this machine is "));
  other = standard_module();
  other[EI_CLASS] = ELFCLASS32;
  EXPECT_EQ(load_error(other).code(), ErrorCode::kWrongArchitecture);

  const Error not_ours = load_error(testing::build_module("", {.with_meta = false}));
  EXPECT_EQ(not_ours.code(), ErrorCode::kNotAModule);
  EXPECT_STREQ(not_ours.what(),
               "cannot load a module from memory: not a module of Tilewright: no section .tilewright.meta");

  const Error version = load_error(testing::build_module("", {.abi_major = 2}));
  EXPECT_EQ(version.code(), ErrorCode::kUnknownAbi);
  EXPECT_THAT(version.what(), HasSubstr("expected ABI version 1, got version 2.0"));

  const Error feature = load_error(testing::build_module("", {.json = R"({"features": ["warp9", "sse2", "warp10"]})"}));
  EXPECT_EQ(feature.code(), ErrorCode::kMissingCpuFeature);
  EXPECT_THAT(feature.what(), HasSubstr("this CPU lacks what the module needs: warp9, warp10"));
  EXPECT_EQ(load_error(testing::build_module("", {.json = "{\"features\": 1}"})).code(), ErrorCode::kMalformedFile);

  std::string code = standard_module();
  code[code.size() / 3] ^= 4;
  EXPECT_EQ(load_error(code).code(), ErrorCode::kChecksum);
  EXPECT_THAT(load_error(code).what(), HasSubstr("the checksum does not match"));
  EXPECT_EQ(load_error(code, {.allow_unsealed = true}).code(), ErrorCode::kChecksum);
}

TEST(ModuleFileTest, TruncatedAnywhereIsRefused) {
  const std::string& whole = standard_module();
  for (std::size_t size = 0; size < whole.size(); size += size < 256 ? 1 : 64) {
    const Error error = load_error(whole.substr(0, size));
    EXPECT_EQ(error.code(), ErrorCode::kTruncatedFile) << size << ": " << error.what();
  }
}

TEST(ModuleFileTest, AnyFlippedByteIsRefusedAndInspectSurvives) {
  const std::string& whole = standard_module();
  std::mt19937 random(1);
  const auto probe = [&](std::size_t at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    load_error(bytes);
    try {
      inspect_file(bytes);
      seal(bytes);
    } catch (const Error&) {
    }
  };
  for (std::size_t at = 0; at < 64; ++at) probe(at);
  for (std::size_t at = whole.size() - 1024; at < whole.size(); ++at) probe(at);
  const std::size_t meta = whole.find(TW_META_MAGIC);
  for (std::size_t at = meta; at < meta + 100; ++at) probe(at);
  for (int i = 0; i < 2000; ++i) probe(random() % whole.size());
}

TEST(ModuleFileTest, GarbageBehindAnElfHeaderIsRefused) {
  std::mt19937 random(2);
  for (int i = 0; i < 5000; ++i) {
    std::string bytes = standard_module().substr(0, 64 + random() % 4000);
    for (std::size_t at = 32; at < bytes.size(); ++at) {
      if (random() % 4 == 0) bytes[at] = static_cast<char>(random());
    }
    load_error(bytes);
  }
}

}  // namespace
}  // namespace tilewright::runtime
