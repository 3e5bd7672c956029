// An organisation that is told, opens, answers and purges: the HTTP profile in Go 1.26 with its standard library.
// Made from ../../BYTES.md; the comments name its sections and rules.
//
//	recipient SETTINGS run
//	recipient SETTINGS inbox
//	recipient SETTINGS open MESSAGE PERSON NAME PURPOSE
//	recipient SETTINGS accept REFERRAL PERSON NAME
//
// On disk: state.json (position, heads, what is closed, what waits), messages/ (sealed bytes), answers/ (what people
// answered). `run` alone writes the first two, so one rename is its transaction (R5). No key is ever written (R9).
package main

import (
	"bytes"
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

type Settings struct {
	Municipality  string  `json:"municipality"`
	Slug          string  `json:"slug"`
	HubURL        string  `json:"hub_url"`
	TokenURL      string  `json:"token_url"`
	Username      string  `json:"username"`
	HubSealingKey []byte  `json:"hub_sealing_key"` // base64 by encoding/json
	HubSigningKey []byte  `json:"hub_signing_key"`
	Keys          string  `json:"keys"`
	Data          string  `json:"data"`
	DutyNumber    string  `json:"duty_number"`
	PollS         float64 `json:"poll_s"`
}

type Envelope struct {
	ContentType string `json:"content-type"`
	SpecVersion string `json:"ce_specversion"`
	Type        string `json:"ce_type"`
	ID          string `json:"ce_id"`
	Source      string `json:"ce_source"`
	Epoch       uint64 `json:"ce_epoch,string,omitempty"`
	Sequence    uint64 `json:"ce_sequence,string,omitempty"`
	Signature   string `json:"ce_signature"`
	Value       []byte `json:"value"`
}

type Head struct {
	Kind     string            `json:"kind"`
	Thread   string            `json:"thread"`
	Urgency  string            `json:"urgency"`
	Deadline *string           `json:"deadline"`
	Refs     map[string]string `json:"refs"`
	Parts    []int             `json:"parts"`
}

type Control struct {
	Control  string           `json:"control"`
	Thread   string           `json:"thread"`
	Messages []string         `json:"messages"`
	Parts    map[string][]int `json:"parts"`
}

type Said struct {
	Type string         `json:"type"`
	Body map[string]any `json:"body"`
}

type State struct {
	Epoch, Sequence uint64
	Messages        map[string]Head
	Closed          map[string][]int // 0 is the head: the whole message
	Outgoing        map[string]Said
}

var (
	settings    Settings
	sealing     []hpke.PrivateKey // ours, then former ones: what is on its way may be sealed to one (R10)
	signing     ed25519.PrivateKey
	errHole     = errors.New("the hub's list has a hole: ring the municipality")
	errNotThere = errors.New("this is not here: it never came, or it was withdrawn")
)

// --- bytes: sections 1 to 5 ------------------------------------------------------------------------

func uuidBytes(text string) []byte {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(raw) != 16 {
		return make([]byte, 16)
	}
	return raw
}

func newID() string {
	raw := make([]byte, 16)
	rand.Read(raw)
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}

func names() []byte {
	out := append([]byte{byte(len(settings.Municipality))}, settings.Municipality...)
	return append(append(out, byte(len(settings.Slug))), settings.Slug...)
}

func bound(label, id string) []byte {
	return slices.Concat([]byte(label), names(), uuidBytes(id))
}

func signedByHub(one Envelope) []byte {
	digest := sha256.Sum256(one.Value)
	out := slices.Concat([]byte("tvaers-message-1"), names())
	out = binary.BigEndian.AppendUint64(out, one.Epoch)
	out = binary.BigEndian.AppendUint64(out, one.Sequence)
	return slices.Concat(out, uuidBytes(one.ID), digest[:])
}

func unseal(key, piece, data []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	box, err := cipher.NewGCM(block)
	if err != nil || len(piece) < 28 {
		return nil, errors.New("too short to be sealed")
	}
	return box.Open(nil, piece[:12], piece[12:], data)
}

func openHead(id string, sealed, key []byte) (head Head, err error) {
	if len(sealed) < 1024 {
		return head, errors.New("too short to have a head")
	}
	plain, err := unseal(key, sealed[:1024], bound("tvaers-head-1", id))
	if err == nil {
		err = json.Unmarshal(plain, &head)
	}
	return head, err
}

func place(head Head, number int) (from, to int) {
	from = 1024
	for _, length := range head.Parts[:number-1] {
		from += length
	}
	return from, from + head.Parts[number-1]
}

func openControl(id string, sealed []byte) ([]byte, bool) { // false: for no key of ours, so it is data
	for _, own := range sealing {
		plain, err := hpke.Open(own, hpke.HKDFSHA256(), hpke.AES256GCM(), bound("tvaers-control-1", id), sealed)
		if err == nil {
			return plain, true
		}
	}
	return nil, false
}

func sealToHub(id string, said Said) ([]byte, error) {
	plain, err := json.Marshal(said)
	if err != nil {
		return nil, err
	}
	size := 4096
	for size < len(plain)+48 {
		size *= 2
	}
	plain = append(plain, bytes.Repeat([]byte(" "), size-48-len(plain))...)
	raw, err := ecdh.X25519().NewPublicKey(settings.HubSealingKey)
	if err != nil {
		return nil, err
	}
	hub, err := hpke.NewDHKEMPublicKey(raw)
	if err != nil {
		return nil, err
	}
	return hpke.Seal(hub, hpke.HKDFSHA256(), hpke.AES256GCM(), bound("tvaers-inbound-1", id), plain)
}

// --- the hub: section 6 ----------------------------------------------------------------------------

type Refused int

func (status Refused) Error() string { return fmt.Sprintf("the hub says %d", int(status)) }

var (
	client = http.Client{Timeout: 10 * time.Second}
	token  string
	until  time.Time
)

func assertion() (string, error) { // private_key_jwt: for this endpoint, for a minute, for once
	now := time.Now().Unix()
	claims, err := json.Marshal(map[string]any{"iss": settings.Username, "sub": settings.Username,
		"aud": settings.TokenURL, "jti": newID(), "iat": now, "exp": now + 60})
	encode := base64.RawURLEncoding.EncodeToString
	said := encode([]byte(`{"alg":"EdDSA","typ":"JWT"}`)) + "." + encode(claims)
	return said + "." + encode(ed25519.Sign(signing, []byte(said))), err
}

func fresh() error {
	proof, err := assertion()
	if err != nil {
		return err
	}
	answer, err := client.PostForm(settings.TokenURL, url.Values{
		"grant_type":            {"client_credentials"},
		"client_id":             {settings.Username},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {proof},
	})
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var found struct {
		AccessToken string  `json:"access_token"`
		ExpiresIn   float64 `json:"expires_in"`
	}
	if answer.StatusCode != http.StatusOK {
		return Refused(answer.StatusCode)
	}
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil {
		return err
	}
	token, until = found.AccessToken, time.Now().Add(time.Duration(found.ExpiresIn-30)*time.Second)
	return nil
}

func ask(method, where string, body, found any) error {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return err
		}
	}
	for _, last := range []bool{false, true} {
		if !time.Now().Before(until) {
			if err := fresh(); err != nil {
				return err
			}
		}
		request, err := http.NewRequest(method, settings.HubURL+where, bytes.NewReader(raw))
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		content, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		switch {
		case err != nil:
			return err
		case answer.StatusCode < 300:
			return json.Unmarshal(content, found)
		case answer.StatusCode != http.StatusUnauthorized || last:
			return Refused(answer.StatusCode)
		}
		until = time.Time{} // one fresh token tells (R11)
	}
	return nil
}

func send(id string, said Said) error { // under the same id it happens once (R8)
	value, err := sealToHub(id, said)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(value)
	signature := ed25519.Sign(signing, append(bound("tvaers-inbound-1", id), digest[:]...))
	var answer map[string]any
	return ask("POST", "/v1/inbound", Envelope{
		ContentType: "application/octet-stream",
		SpecVersion: "1.0",
		Type:        "dk.tvaers.message.v1",
		ID:          id,
		Source:      "urn:tvaers:" + settings.Municipality + ":" + settings.Slug,
		Signature:   base64.RawURLEncoding.EncodeToString(signature),
		Value:       value,
	}, &answer)
}

type keysAnswer struct {
	Keys map[string][]byte `json:"keys"`
}

// --- the disk --------------------------------------------------------------------------------------

func at(names ...string) string { return filepath.Join(append([]string{settings.Data}, names...)...) }

func load() (state State, err error) {
	raw, err := os.ReadFile(at("state.json"))
	if errors.Is(err, os.ErrNotExist) {
		return State{Messages: map[string]Head{}, Closed: map[string][]int{}, Outgoing: map[string]Said{}}, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &state)
	}
	return state, err
}

func store(name string, content []byte) error { // whole or not at all
	path := at(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = cmp.Or(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (state State) store() error {
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return store("state.json", raw)
}

func blank(sealed []byte, head Head, closed []int) { // random bytes where closed parts were
	for _, number := range closed {
		if number >= 1 && number <= len(head.Parts) {
			if from, to := place(head, number); to <= len(sealed) {
				rand.Read(sealed[from:to])
			}
		}
	}
}

// --- taking in: rules R1 to R7 ---------------------------------------------------------------------

var reported = map[string]bool{} // by this process: a forgery would otherwise be reported at every pull

func report(id, reason string) error {
	if reported[id+reason] {
		return nil
	}
	err := send(newID(), Said{"problem", map[string]any{"message_id": id, "reason": reason}})
	reported[id+reason] = err == nil
	return err
}

func readControl(plain []byte) (said Control, reason string) {
	if json.Unmarshal(plain, &said) != nil {
		return said, "unreadable"
	}
	switch said.Control {
	case "receipt", "blank", "heartbeat":
		return said, ""
	case "revoked", "erased":
		if said.Thread == "" {
			return said, "unreadable"
		}
		return said, ""
	}
	return said, "unknown_kind"
}

func (state *State) close(revocation string, said Control) {
	add := func(id string, parts ...int) {
		for _, part := range parts {
			if !slices.Contains(state.Closed[id], part) {
				state.Closed[id] = append(state.Closed[id], part)
			}
		}
	}
	for _, id := range said.Messages {
		add(id, 0)
	}
	for id, parts := range said.Parts {
		add(id, parts...)
	}
	answer := map[string]any{"revocation": revocation, "thread": said.Thread, "outcome": "purged"}
	state.Outgoing[newID()] = Said{"purge_answer", answer}
}

func takeIn() (moved bool, err error) {
	state, err := load()
	if err != nil {
		return false, err
	}
	epoch, sequence := state.Epoch, state.Sequence
	var found struct {
		Messages []Envelope `json:"messages"`
	}
	where := fmt.Sprintf("/v1/messages?after=%d.%d&limit=100", state.Epoch, state.Sequence)
	if err := ask("GET", where, nil, &found); err != nil {
		return false, err
	}
	var data []Envelope
	var hole error
	for _, one := range found.Messages {
		signature, err := base64.RawURLEncoding.DecodeString(one.Signature)
		ours := err == nil && one.Source == "urn:tvaers:"+settings.Municipality &&
			ed25519.Verify(settings.HubSigningKey, signedByHub(one), signature)
		if !ours { // R1: moves nothing
			if err := report(one.ID, "bad_signature"); err != nil {
				return false, err
			}
			continue
		}
		if one.Epoch < state.Epoch || one.Epoch == state.Epoch && one.Sequence <= state.Sequence {
			continue // R2
		}
		if one.Epoch == state.Epoch && one.Sequence != state.Sequence+1 || one.Epoch > state.Epoch && one.Sequence != 1 {
			hole = errHole // R3
			break
		}
		state.Epoch, state.Sequence = one.Epoch, one.Sequence
		plain, control := openControl(one.ID, one.Value)
		if !control {
			data = append(data, one)
			continue
		}
		said, reason := readControl(plain)
		if reason != "" { // R4
			if err := report(one.ID, reason); err != nil {
				return false, err
			}
		} else if said.Control == "revoked" || said.Control == "erased" {
			state.close(one.ID, said)
		}
	}
	if err := state.keep(data); err != nil {
		return false, err
	}
	moved = state.Epoch != epoch || state.Sequence != sequence
	return moved, cmp.Or(state.store(), hole)
}

func (state *State) keep(data []Envelope) error {
	if len(data) == 0 {
		return nil
	}
	var asked []string
	for _, one := range data {
		asked = append(asked, one.ID)
	}
	var found keysAnswer
	body := map[string]any{"messages": asked, "rebuild": false}
	if err := ask("POST", "/v1/messages/head-keys", body, &found); err != nil {
		return err
	}
	for _, one := range data {
		key, given := found.Keys[one.ID]
		if !given || slices.Contains(state.Closed[one.ID], 0) {
			continue // R6
		}
		head, err := openHead(one.ID, one.Value, key)
		if err != nil {
			if err := report(one.ID, "tampered"); err != nil {
				return err
			}
			continue
		}
		blank(one.Value, head, state.Closed[one.ID])
		if err := store(filepath.Join("messages", one.ID), one.Value); err != nil {
			return err
		}
		state.Messages[one.ID] = head // says what, when, how urgent; never who
	}
	return nil
}

func purge() error { // R7: before the answers are sent, so that purged is never said of what is still there
	state, err := load()
	if err != nil || len(state.Outgoing) == 0 {
		return err
	}
	for id, closed := range state.Closed {
		file := at("messages", id)
		head, here := state.Messages[id]
		if here && !slices.Contains(closed, 0) {
			sealed, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			blank(sealed, head, closed)
			if err := store(filepath.Join("messages", id), sealed); err != nil {
				return err
			}
			continue
		}
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		delete(state.Messages, id)
	}
	return state.store()
}

func sendWaiting() error { // R8, R12
	state, err := load()
	if err != nil {
		return err
	}
	for id, said := range state.Outgoing {
		var refused Refused
		err := send(id, said)
		if errors.As(err, &refused) && slices.Contains([]int{404, 409, 410, 422}, int(refused)) {
			// It stays, and holds up nothing: tell the municipality (section 6).
			fmt.Fprintln(os.Stderr, "answer", id, "was refused:", err)
			continue
		} else if err != nil {
			return err
		}
		delete(state.Outgoing, id)
		if err := state.store(); err != nil {
			return err
		}
	}
	files, _ := filepath.Glob(at("answers", "*.json"))
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var said Said
		if err := json.Unmarshal(raw, &said); err != nil {
			return err
		}
		var refused Refused
		err = send(strings.TrimSuffix(filepath.Base(file), ".json"), said)
		if errors.As(err, &refused) && slices.Contains([]int{404, 410, 422}, int(refused)) {
			fmt.Fprintln(os.Stderr, "an answer was refused:", err)
		} else if err != nil {
			return err
		}
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return nil
}

func run() error {
	for {
		pause := time.Duration(settings.PollS * float64(time.Second))
		moved, err := takeIn()
		if moved { // there may be more
			pause = 50 * time.Millisecond
		}
		if err == nil || errors.Is(err, errHole) {
			err = cmp.Or(purge(), sendWaiting(), err)
		}
		if err != nil { // R11, R12: nothing is lost; later again
			fmt.Fprintln(os.Stderr, "not now:", err)
			pause = max(pause, time.Second)
		}
		time.Sleep(pause)
	}
}

// --- people ----------------------------------------------------------------------------------------

func open(id, person, name, purpose string) error {
	state, err := load()
	if err != nil {
		return err
	}
	head, here := state.Messages[id]
	if !here || slices.Contains(state.Closed[id], 0) {
		return errNotThere
	}
	var found keysAnswer
	body := map[string]any{"person": person, "name": name, "purpose": purpose, "taken_over": false}
	if err := ask("POST", "/v1/messages/"+id+"/open", body, &found); err != nil {
		return err
	}
	sealed, err := os.ReadFile(at("messages", id))
	if err != nil {
		return err
	}
	fmt.Println(head.Kind)
	for number := 1; number <= len(head.Parts); number++ {
		key, given := found.Keys[fmt.Sprint(number)]
		if !given || slices.Contains(state.Closed[id], number) {
			continue
		}
		from, to := place(head, number)
		if to > len(sealed) {
			return errors.New("this message is damaged")
		}
		data := binary.BigEndian.AppendUint16(bound("tvaers-part-1", id), uint16(number))
		plain, err := unseal(key, sealed[from:to], data)
		if err != nil {
			return errors.New("this message is damaged")
		}
		fmt.Println(string(plain))
	}
	return nil
}

func accept(referral, person, name string) error {
	state, err := load()
	if err != nil {
		return err
	}
	for _, head := range state.Messages {
		if head.Refs["referral"] != referral {
			continue
		}
		raw, err := json.Marshal(Said{"referral_answer", map[string]any{
			"thread": head.Thread, "referral": referral, "status": "accepted",
			"by": map[string]string{"person": person, "name": name}, "at": time.Now().UTC().Format(time.RFC3339),
		}})
		if err != nil {
			return err
		}
		if err := store(filepath.Join("answers", newID()+".json"), raw); err != nil {
			return err
		}
		fmt.Printf("kept; `run` sends it. If it can't wait, ring %s\n", settings.DutyNumber)
		return nil
	}
	return errNotThere
}

func inbox() error {
	state, err := load()
	for id, head := range state.Messages {
		due := "-"
		if head.Deadline != nil {
			due = *head.Deadline
		}
		fmt.Println(due, head.Urgency, head.Kind, id)
	}
	return err
}

func ownKey(path string) (any, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM", filepath.Base(path))
	}
	return x509.ParsePKCS8PrivateKey(block.Bytes)
}

func prepare(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &settings); err != nil {
		return err
	}
	former, _ := filepath.Glob(filepath.Join(settings.Keys, "former", "*", "sealing.pem"))
	for _, path := range append([]string{filepath.Join(settings.Keys, "sealing.pem")}, former...) {
		own, err := ownKey(path)
		if err != nil {
			return err
		}
		private, fits := own.(*ecdh.PrivateKey)
		if !fits {
			return errors.New("sealing.pem must hold an X25519 key")
		}
		opens, err := hpke.NewDHKEMPrivateKey(private)
		if err != nil {
			return err
		}
		sealing = append(sealing, opens)
	}
	own, err := ownKey(filepath.Join(settings.Keys, "signing.pem"))
	if err != nil {
		return err
	}
	var fits bool
	if signing, fits = own.(ed25519.PrivateKey); !fits {
		return errors.New("signing.pem must hold an Ed25519 key")
	}
	return nil
}

func command(words []string) error {
	if len(words) < 2 {
		return errors.New("say SETTINGS and run, inbox, open or accept")
	}
	if err := prepare(words[0]); err != nil {
		return err
	}
	switch more := words[2:]; {
	case words[1] == "run":
		return run()
	case words[1] == "inbox":
		return inbox()
	case words[1] == "open" && len(more) == 4:
		return open(more[0], more[1], more[2], more[3])
	case words[1] == "accept" && len(more) == 3:
		return accept(more[0], more[1], more[2])
	}
	return errors.New("say run, inbox, open MESSAGE PERSON NAME PURPOSE, or accept REFERRAL PERSON NAME")
}

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
