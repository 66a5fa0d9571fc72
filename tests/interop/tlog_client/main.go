// Reads a running collector's log with Go's checksum-database packages, which share no code with
// ours: opens the checkpoint, proves the inclusion of every leaf and the consistency of many older
// trees, all from /checkpoint and /tile/.
//
//	tlog_client -url https://127.0.0.1:8444 -ca ca.pem -token-file token -vkey KEY [-old CHECKPOINT]
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

type client struct {
	http  *http.Client
	url   string
	token string
}

func (c *client) get(path string) ([]byte, error) {
	request, err := http.NewRequest("GET", c.url+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != 200 {
		err = fmt.Errorf("GET %s: %s: %s", path, response.Status, body)
	}
	return body, err
}

// tileReader serves tlog's hash reader. Go's tile paths name the height, C2SP's do not.
type tileReader struct{ client *client }

func (r tileReader) Height() int { return tileHeight }

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
		data, err := r.client.get("/" + path)
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}

func (r tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

type checkpoint struct {
	origin string
	tree   tlog.Tree
}

func openCheckpoint(bytes []byte, vkey string) (checkpoint, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return checkpoint{}, err
	}
	opened, err := note.Open(bytes, note.VerifierList(verifier))
	if err != nil {
		return checkpoint{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return checkpoint{}, fmt.Errorf("not a checkpoint of %s: %q", verifier.Name(), opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return checkpoint{}, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return checkpoint{}, fmt.Errorf("root %q", lines[2])
	}
	out := checkpoint{origin: lines[0], tree: tlog.Tree{N: size}}
	copy(out.tree.Hash[:], root)
	return out, nil
}

func entries(c *client, size int64) ([][]byte, error) {
	var out [][]byte
	for first := int64(0); first < size; first += 1 << tileHeight {
		width := size - first
		if width > 1<<tileHeight {
			width = 1 << tileHeight
		}
		tile := tlog.Tile{H: tileHeight, L: -1, N: first >> tileHeight, W: int(width)}
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/data/", tileHeight), "tile/entries/", 1)
		data, err := c.get("/" + path)
		if err != nil {
			return nil, err
		}
		for len(data) > 0 {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("%s is cut off", path)
			}
			length := int(binary.BigEndian.Uint16(data))
			out = append(out, data[2:2+length])
			data = data[2+length:]
		}
	}
	if int64(len(out)) != size {
		return nil, fmt.Errorf("%d entries for %d leaves", len(out), size)
	}
	return out, nil
}

func checkLeaves(c *client, tree tlog.Tree, hashes tlog.HashReader) error {
	leaves, err := entries(c, tree.N)
	if err != nil {
		return err
	}
	step := tree.N/200 + 1
	for i := int64(0); i < tree.N; i += step {
		proof, err := tlog.ProveRecord(tree.N, i, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, i, tlog.RecordHash(leaves[i])); err != nil {
			return fmt.Errorf("leaf %d: %w", i, err)
		}
	}
	if !bytes.HasPrefix(leaves[0], []byte("yunjian/enrolment/v1\n")) {
		return fmt.Errorf("leaf 0 does not enrol the collector's own stream: %q", leaves[0])
	}
	return nil
}

func checkOlder(tree tlog.Tree, hashes tlog.HashReader) error {
	step := tree.N/100 + 1
	for size := int64(1); size <= tree.N; size += step {
		older, err := tlog.TreeHash(size, hashes)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(tree.N, size, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, size, older); err != nil {
			return fmt.Errorf("tree of %d: %w", size, err)
		}
	}
	return nil
}

func run() error {
	url := flag.String("url", "", "api URL of the collector")
	ca := flag.String("ca", "", "CA certificate, PEM")
	tokenFile := flag.String("token-file", "", "file with the API token")
	vkey := flag.String("vkey", "", "the log's key")
	old := flag.String("old", "", "file with an earlier checkpoint that must be a prefix")
	flag.Parse()
	pem, err := os.ReadFile(*ca)
	if err != nil {
		return err
	}
	token, err := os.ReadFile(*tokenFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s holds no certificate", *ca)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}
	c := &client{&http.Client{Transport: transport}, *url, strings.TrimSpace(string(token))}

	signed, err := c.get("/checkpoint")
	if err != nil {
		return err
	}
	now, err := openCheckpoint(signed, *vkey)
	if err != nil {
		return err
	}
	hashes := tlog.TileHashReader(now.tree, tileReader{c})
	if err := checkLeaves(c, now.tree, hashes); err != nil {
		return err
	}
	if err := checkOlder(now.tree, hashes); err != nil {
		return err
	}
	if *old != "" {
		signed, err := os.ReadFile(*old)
		if err != nil {
			return err
		}
		before, err := openCheckpoint(signed, *vkey)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(now.tree.N, before.tree.N, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, now.tree.N, now.tree.Hash, before.tree.N, before.tree.Hash); err != nil {
			return err
		}
	}
	fmt.Printf("%s: %d leaves, inclusion and consistency proven\n", now.origin, now.tree.N)
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "tlog_client:", err)
		os.Exit(1)
	}
}
