// SPDX-License-Identifier: Apache-2.0

module smartagent.example/bench

go 1.19

require github.com/mattn/go-sqlite3 v1.14.24
