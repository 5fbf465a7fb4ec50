package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"sort"
)

// schema holds one file for each version. A file that was released is frozen:
// a test compares a database that an old version made with a fresh one.
//
//go:embed schema/*.sql
var schema embed.FS

// migrate brings the schema to the newest version, each step in a transaction
// of its own, so that a crash leaves a whole version. It touches nothing that
// is not ours or is newer than this program.
func migrate(ctx context.Context, db *sql.DB, path string) error {
	steps, err := schemaSteps()
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return openError(path, err)
	}
	defer conn.Close()
	version, err := schemaVersion(ctx, conn, path)
	if err != nil {
		return err
	}
	if version > len(steps) {
		return &BadFile{Path: path, Reason: fmt.Sprintf("a newer Parley made this database (schema %d, this one knows %d): install that version, or restore a backup", version, len(steps))}
	}
	for ; version < len(steps); version++ {
		if err := migrateStep(ctx, conn, steps[version], version+1); err != nil {
			return fmt.Errorf("bring the database to schema %d: %w", version+1, err)
		}
	}
	return nil
}

func schemaSteps() ([]string, error) {
	files, err := schema.ReadDir("schema")
	if err != nil {
		return nil, err
	}
	sort.Slice(files, func(i, j int) bool { return files[i].Name() < files[j].Name() })
	var steps []string
	for _, f := range files {
		text, err := schema.ReadFile("schema/" + f.Name())
		if err != nil {
			return nil, err
		}
		steps = append(steps, string(text))
	}
	return steps, nil
}

// schemaVersion is 0 for a fresh file.
func schemaVersion(ctx context.Context, conn *sql.Conn, path string) (int, error) {
	var version, app, tables int
	for query, dest := range map[string]*int{
		"PRAGMA user_version":                &version,
		"PRAGMA application_id":              &app,
		"SELECT COUNT(*) FROM sqlite_master": &tables,
	} {
		if err := conn.QueryRowContext(ctx, query).Scan(dest); err != nil {
			return 0, openError(path, err)
		}
	}
	if app != applicationID && (app != 0 || version != 0 || tables != 0) {
		return 0, &BadFile{Path: path, Reason: "this is another program's database: move it away, or set another data folder"}
	}
	return version, nil
}

func openError(path string, err error) error {
	if broken(err) {
		return &BadFile{Path: path, Reason: "the database is damaged: keep the file, restore a backup, and look at the disk", Err: err}
	}
	return fmt.Errorf("open %s: %w", path, err)
}

func migrateStep(ctx context.Context, conn *sql.Conn, statements string, version int) error {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer conn.ExecContext(ctx, "ROLLBACK") // fails when the COMMIT was reached
	var now int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&now); err != nil || now >= version {
		return err // another process was faster
	}
	mark := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, version)
	for _, s := range []string{statements, mark, "COMMIT"} {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
